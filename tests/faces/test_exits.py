import json
import os
import shutil
import signal
import subprocess
import sys
from io import BytesIO

import pytest
from PIL import Image

from mlxvision import errors
from mlxvision.cli import EXIT_CODES

ASK = ("generate", "--prompt", "What is it?", "--max-tokens", 3)
ENDLESS = ("generate", "--prompt", "x", "--temperature", "1", "--top-k", "50", "--max-tokens", "100000")


def one_line(done, code):
    """The line of a run that failed as it should: nothing on stdout, one line on stderr."""
    lines = done.stderr.decode().splitlines()
    assert (done.returncode, done.stdout, len(lines)) == (code, b"", 1), done
    assert lines[0].startswith("mlxvision: ")
    assert lines[0].endswith(".")
    assert " object at 0x" not in lines[0]
    return lines[0]


def test_every_error_class_has_an_exit_code():
    for name in set(errors.__all__) - {"MLXVisionError"}:
        rows = [code for kind, code in EXIT_CODES.items() if issubclass(getattr(errors, name), kind)]
        assert rows[0] in (2, 3, 4, 5)
    assert issubclass(errors.MLXVisionError, list(EXIT_CODES)[-1])


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["generate"],
        ["generate", "--prompt", "x", "--nonsense"],
        ["generate", "--prom", "x"],
        ["generate", "--prompt", "x", "--max-tokens", "many"],
        ["generate", "--prompt", "x", "--max-tokens", "0"],
        ["generate", "--prompt", "x", "--temperature", "nan"],
        ["generate", "--prompt", "x", "--top-p", "0"],
        ["generate", "--prompt", "x", "--stop", ""],
        ["generate", "--prompt", "-", "--image", "-"],
        ["generate", "--prompt", "x", "--image", "-", "--image", "-"],
        ["generate", "--prompt", "@missing.txt"],
        ["generate", "--prompt", "@."],
        ["generate", "--prompt", "@"],
        ["generate", "--prompt", "@/dev/zero"],
        ["generate", "--prompt", "x", "--quiet", "--verbose"],
    ],
)
def test_a_wrong_command_line_is_a_usage_error_before_all_else(run, arguments):
    if "--prompt" in arguments:
        arguments = [*arguments, "--image", "missing.png", "--model", "missing"]
    one_line(run(*arguments), 2)


def test_a_prompt_that_is_not_utf_8_is_a_usage_error(run):
    assert "UTF-8" in one_line(run("generate", "--prompt", "-", stdin=b"\xff\xfe"), 2)


def test_a_url_is_never_fetched(run, parrot):
    one_line(run(*ASK, "--model", parrot, "--image", "https://example.com/a.png"), 2)


def test_a_prompt_longer_than_the_context_is_a_usage_error(run, parrot):
    assert "8192" in one_line(run("generate", "--prompt", "-", "--model", parrot, stdin=b"x" * 9000), 2)


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/shown"])
def test_a_show_input_directory_that_cannot_be_is_a_usage_error(run, parrot, picture, tmp_path, place):
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert place in one_line(run(*ASK, "--model", parrot, "--image", picture, "--show-input", place), 2)


@pytest.fixture
def broken(tmp_path):
    """Images nobody can read, by name."""
    whole = BytesIO()
    Image.effect_noise((64, 64), 90).save(whole, "PNG")
    (tmp_path / "truncated.png").write_bytes(whole.getvalue()[:-600])
    (tmp_path / "text.png").write_text("not an image", encoding="utf-8")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "directory.png").mkdir()
    os.mkfifo(tmp_path / "fifo.png")
    return tmp_path


@pytest.mark.parametrize("name", ["missing", "directory", "fifo", "truncated", "text", "empty"])
def test_a_bad_image_fails_before_a_model_is_loaded(run, broken, name):
    line = one_line(run(*ASK, "--model", "no-such-model", "--image", f"{name}.png"), 3)
    assert f"{name}.png" in line


def test_a_bad_image_on_stdin_is_an_image_error(run):
    one_line(run(*ASK, "--image", "-", stdin=b"not an image"), 3)


def test_one_bad_image_among_good_ones_is_an_image_error(run, parrot, picture):
    one_line(run(*ASK, "--model", parrot, "--image", picture, "--image", "missing.png"), 3)


@pytest.mark.parametrize("name", ["no-such-model", "owner/name", "./missing", "."])
def test_a_missing_model_is_a_model_error(run, name):
    one_line(run(*ASK, "--model", name), 4)


@pytest.mark.parametrize("file", ["config.json", "preprocessor_config.json", "tokenizer.json", "model.safetensors"])
def test_a_broken_model_is_a_model_error(run, parrot, tmp_path, file):
    directory = tmp_path / "broken"
    shutil.copytree(parrot, directory)
    content = (directory / file).read_bytes()
    (directory / file).write_bytes(content[: len(content) // 2])
    one_line(run(*ASK, "--model", directory), 4)


def test_a_model_of_an_unknown_family_is_a_model_error(run, parrot, tmp_path):
    directory = tmp_path / "unknown"
    shutil.copytree(parrot, directory)
    (directory / "config.json").write_text(json.dumps({"model_type": "unheard_of"}), encoding="utf-8")
    assert "unheard_of" in one_line(run(*ASK, "--model", directory), 4)


def patched(change):
    """A Python that runs the command line after a change to the program."""
    return "-c", f"import sys\n{change}\nfrom mlxvision.cli import main\nsys.exit(main(sys.argv[1:]))"


NO_MEMORY = patched("import mlxvision.loading.memory as memory; memory.available_bytes = lambda: 1000")


def test_a_model_that_does_not_fit_is_a_memory_error_unless_forced(run, parrot):
    assert "--force" in one_line(run(*ASK, "--model", parrot, python=NO_MEMORY), 5)
    assert run(*ASK, "--model", parrot, "--force", python=NO_MEMORY).stdout == b"ab ab ab \n"


def test_errors_under_json_are_the_same(run):
    one_line(run(*ASK, "--image", "missing.png", "--json"), 3)


def test_quiet_still_tells_errors(run):
    one_line(run(*ASK, "--image", "missing.png", "--quiet"), 3)


def test_debug_shows_the_traceback_before_the_line(run):
    lines = run(*ASK, "--image", "missing.png", "--debug").stderr.decode().splitlines()
    assert lines[0].startswith("Traceback")
    assert lines[-1].startswith("mlxvision: ")


def test_a_fault_of_ours_is_one_line_and_exit_code_1(run, picture):
    fault = patched("import mlxvision.images as images; images.open_image = lambda source: {}['secret']")
    line = one_line(run(*ASK, "--image", picture, python=fault), 1)
    assert "--debug" in line
    assert "secret" not in line
    assert "KeyError: 'secret'" in run(*ASK, "--image", picture, "--debug", python=fault).stderr.decode()


def test_hostile_names_cannot_write_to_the_terminal(run):
    line = one_line(run(*ASK, "--image", "a\x1b[31m\nb\u202e.png"), 3)
    assert line.isprintable()


def test_a_full_disk_is_one_line(parrot):
    command = [sys.executable, "-m", "mlxvision", *map(str, ASK), "--model", parrot]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert done.stderr == b"mlxvision: cannot write to stdout: No space left on device. Send the answer elsewhere.\n"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_keeps_the_text_so_far_and_ends_the_line(parrot, number, code):
    command = [sys.executable, "-m", "mlxvision", *ENDLESS, "--model", parrot]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stderr
        first = os.read(process.stdout.fileno(), 1)
        process.send_signal(number)
        text = first + process.stdout.read()
        assert process.stderr.read() == b""
    assert process.returncode == code
    assert len(text) > 1
    assert text.endswith(b"\n")


@pytest.mark.parametrize("place", ["images.open_image", "api.load"])
def test_a_signal_before_the_answer_leaves_stdout_empty(run, picture, place):
    module, name = place.split(".")
    interrupted = patched(
        f"import os, signal, mlxvision.{module} as module\n"
        f"module.{name} = lambda *_, **__: os.kill(os.getpid(), signal.SIGINT)"
    )
    done = run(*ASK, "--image", picture, python=interrupted)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")
