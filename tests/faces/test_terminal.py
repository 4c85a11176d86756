"""What a person at a terminal sees: the same commands, on a pseudo-terminal."""

import io
import os
import pty
import subprocess
import sys

import pytest

from mlxvision.cli.generate import follow
from mlxvision.cli.terminal import Status
from mlxvision.types import Done, Progress, Token, Usage
from tests.fakes.checkpoints import make_mllama

ASK = ("generate", "--prompt", "What is it?", "--max-tokens", "3")


def read_all(terminal: int) -> bytes:
    """What was written until the last writer closed its end."""
    seen = b""
    try:
        while part := os.read(terminal, 4096):
            seen += part
    except OSError:  # how Linux reports the end
        pass
    os.close(terminal)
    return seen


@pytest.fixture
def on_terminal(tmp_path):
    """Run a command with stdout or stderr on a terminal -> (exit code, stdout, stderr)."""

    def run(*arguments, terminal):
        seen_by_user, given_to_command = pty.openpty()
        other = "stderr" if terminal == "stdout" else "stdout"
        command = [sys.executable, "-m", "mlxvision", *map(str, arguments)]
        streams = {terminal: given_to_command, other: subprocess.PIPE}
        with subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.DEVNULL, **streams) as process:
            os.close(given_to_command)
            text = {terminal: read_all(seen_by_user)}
            text[other] = process.communicate()[terminal == "stdout"]
        return process.returncode, text["stdout"], text["stderr"]

    return run


def test_a_terminal_shows_progress_which_leaves_no_trace(on_terminal, parrot, picture):
    code, out, err = on_terminal(*ASK, "--model", parrot, "--image", picture, "--stop", "b ", terminal="stderr")
    assert (code, out) == (0, b"a\n")
    for stage in (b"loading", b"looking at image 1 of 1", b"reading token 1 of"):
        assert stage in err
    assert err.endswith(b"\r\x1b[K")
    assert b"\n" not in err


def visible(text):
    """What is left on a terminal."""
    return "\n".join(line.split("\r\x1b[K")[-1] for line in text.replace("\r\n", "\n").split("\n"))


def test_an_answer_stays_on_a_terminal_that_shows_progress_too(parrot, picture):
    seen_by_user, given_to_command = pty.openpty()
    command = [sys.executable, "-m", "mlxvision", *ASK, "--model", parrot, "--image", picture]
    with subprocess.Popen(command, stdout=given_to_command, stderr=given_to_command):
        os.close(given_to_command)
        seen = read_all(seen_by_user).decode()
    assert "looking at image 1 of 1" in seen
    assert visible(seen).startswith("ab ab ab \nmlxvision: the answer is cut off")


class Screen(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def test_progress_between_the_lines_of_an_answer_wipes_nothing_out(monkeypatch):
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(sys, "stderr", screen)
    progress, texts = [Progress("read", n, 3) for n in range(3)], ["one\n", "half ", "of it\n"]
    events = [event for n, text in enumerate(texts) for event in (progress[n], Token(n, text, 0.0))]
    done = Done("one\nhalf of it", (), "stop", Usage(0, 0, 0, 0), (), {})
    with Status() as status:
        follow(iter([*events, done]), status, write_text=True)
    assert visible(screen.getvalue()) == "one\nhalf of it\n\n"
    assert "piece 2 of 3" in screen.getvalue()


def test_a_terminal_is_told_why_an_answer_ended_early(on_terminal, parrot):
    err = on_terminal(*ASK, "--model", parrot, terminal="stderr")[2]
    assert b"--max-tokens" in err.splitlines()[-1]


def test_a_repetition_is_told(on_terminal, parrot):
    err = on_terminal("generate", "--prompt", "x", "--model", parrot, terminal="stderr")[2]
    assert b"repeated itself" in err.splitlines()[-1]


def test_quiet_silences_a_terminal(on_terminal, parrot, picture):
    code, out, err = on_terminal(*ASK, "--model", parrot, "--image", picture, "--quiet", terminal="stderr")
    assert (code, out, err) == (0, b"ab ab ab \n", b"")


def test_an_error_stands_on_a_line_of_its_own(on_terminal):
    code, _, err = on_terminal(*ASK, "--model", "no-such-model", terminal="stderr")
    assert code == 4
    assert err.split(b"\r\x1b[K")[-1].startswith(b"mlxvision: ")


def test_model_text_cannot_control_a_terminal(on_terminal, tmp_path):
    model = make_mllama(tmp_path / "evil", says="\x1b[31mred\x07\x9b\x7f\r\tä\n")
    out = on_terminal(*ASK, "--model", model, terminal="stdout")[1]
    assert out.decode() == 3 * "[31mred\tä\r\n" + "\r\n"  # the terminal itself makes \n of a line's end \r\n


def test_text_reaches_a_terminal_token_by_token(parrot):
    seen_by_user, given_to_command = pty.openpty()
    endless = ("--temperature", "1", "--top-k", "50", "--max-tokens", "100000")
    command = [sys.executable, "-m", "mlxvision", "generate", "--prompt", "x", "--model", parrot, *endless]
    with subprocess.Popen(command, stdout=given_to_command, stderr=subprocess.DEVNULL) as process:
        os.close(given_to_command)
        assert os.read(seen_by_user, 1)
        assert process.poll() is None
        process.terminate()
        read_all(seen_by_user)
    assert process.returncode == 143
