"""What `--low-memory` changes is where the arrays are, and not the answer."""

import pytest

ASK = ("generate", "--prompt", "What is it?", "--max-tokens", 3)


@pytest.mark.parametrize("how", ["on", "off"])
def test_the_answer_is_the_same(run, model, picture, how):
    plain, done = (run(*ASK, "--model", model, "--image", picture, *more) for more in ((), ("--low-memory", how)))
    assert (done.returncode, done.stdout, done.stderr) == (0, plain.stdout, b"")


def test_verbose_tells_the_peak_of_memory(run, model, picture):
    done = run(*ASK, "--model", model, "--image", picture, "--verbose")
    assert b"\nmemory: 0." in done.stderr and b" MB at most" in done.stderr


def test_heads_of_a_few_numbers_are_not_remembered_in_few_bits(run, model):
    done = run(*ASK, "--model", model, "--kv-bits", 8)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"heads are not made of groups of 32 numbers: 8. Leave --kv-bits out." in done.stderr
