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
