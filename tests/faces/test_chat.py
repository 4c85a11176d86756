"""The conversation, line by line in a process of its own, and on a terminal."""

import os
import pty
import select
import shlex
import signal
import subprocess
import sys

import pytest

from tests.fakes.checkpoints import make_mllama

ENDLESS = ("--temperature", "1", "--top-k", "50", "--max-tokens", "100000")


@pytest.fixture
def chat(run, parrot):
    """Type lines -> what came to stdout, and the lines that came to stderr."""

    def talk(*lines, model=parrot):
        done = run("chat", "--model", model, "--max-tokens", 2, stdin="".join(f"{line}\n" for line in lines).encode())
        assert done.returncode == 0
        return done.stdout.decode(), done.stderr.decode().splitlines()

    return talk


def saved(chat, tmp_path, *lines, **options):
    """The conversation that these lines make."""
    chat(*lines, "/save saved.md", **options)
    return (tmp_path / "saved.md").read_text(encoding="utf-8")


def test_every_line_is_answered_on_a_line_of_stdout(chat):
    assert chat("hi", "", "  ", "and?") == ("ab ab \nab ab \n", [])


def test_a_conversation_remembers_and_a_new_one_does_not(chat, tmp_path):
    told = saved(chat, tmp_path, "one", "two", "/new", "three", "four")
    assert told == "## user\n\nthree\n\n## assistant\n\nab ab \n\n## user\n\nfour\n\n## assistant\n\nab ab \n"


def test_a_picture_is_shown_with_the_next_question(chat, picture, tmp_path):
    out, said = chat(f"/image {picture}", "what?", "why?", "/save saved.md")
    assert (out, said) == ("ab ab \nab ab \n", [f"{picture}: 90x40 px, shown with the next question"])
    assert (tmp_path / "saved.md").read_text(encoding="utf-8").count(f"[{picture}]") == 1


def test_a_new_conversation_has_no_pictures(chat, picture, tmp_path):
    assert "[" not in saved(chat, tmp_path, f"/image {picture}", "/new", "what?")


def test_a_bad_picture_is_told_and_the_chat_goes_on(chat):
    out, said = chat("/image missing.png", "hi")
    assert out == "ab ab \n"
    assert len(said) == 1
    assert "missing.png" in said[0]


@pytest.mark.parametrize("name", ["picture.png", "my picture.png", "it's.png"])
@pytest.mark.parametrize("written", [str, shlex.quote, lambda path: path.replace(" ", "\\ ").replace("'", "\\'")])
@pytest.mark.parametrize(("answer", "n_shown"), [("y", 1), ("n", 0), ("", 0)])
def test_a_path_that_is_dropped_is_offered_and_never_silently_read(
    chat, picture, tmp_path, name, written, answer, n_shown
):
    path = picture.rename(tmp_path / name)
    told = saved(chat, tmp_path, written(str(path)), answer, "what?")
    assert told.count("[") == n_shown
    assert told.count("## user") == 1


def test_a_path_in_a_question_stays_text(chat, picture, tmp_path):
    question = f"what is in {picture} ?"
    assert saved(chat, tmp_path, question).startswith(f"## user\n\n{question}\n")


def test_a_path_without_a_file_is_no_picture(chat):
    out, said = chat("/no/such/picture.png")
    assert out == ""
    assert "no such command" in said[0]


def test_a_text_of_several_lines(chat, tmp_path):
    told = saved(chat, tmp_path, '"""first', "", "/new", 'last"""', '"""', "/quit", '"""', '"""one"""')
    questions = [part.removeprefix("user\n\n") for part in told.split("## ") if part.startswith("user")]
    assert [question.rstrip("\n") for question in questions] == ["first\n\n/new\nlast", "/quit", "one"]


def test_quit_ends_and_so_does_the_end_of_the_input(chat):
    assert chat("one", "/quit", "two")[0] == "ab ab \n"
    assert chat('"""one')[0] == ""


def test_help_names_every_command(chat):
    out, said = chat("/help")
    assert out == ""
    assert [line.split()[0] for line in said] == ["/image", "/new", "/save", "/quit", '"""']


@pytest.mark.parametrize("command", ["/image", "/save  "])
def test_a_command_without_its_path_is_told(chat, command):
    assert chat(command) == ("", [f"mlxvision: a path is missing after: {command.strip()}. Type both on one line."])


def test_an_unknown_command_is_told(chat):
    assert "/nope" in chat("/nope", "hi")[1][0]


def test_a_file_is_never_overwritten(chat, tmp_path):
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    out, said = chat("hi", "/save mine.txt", "/save nowhere/file", "hi")
    assert out == 2 * "ab ab \n"
    assert ["cannot write" in line for line in said] == [True] * 2
    assert (tmp_path / "mine.txt").read_text(encoding="utf-8") == "mine"


def test_what_is_not_utf_8_does_not_end_the_chat(run, parrot):
    done = run("chat", "--model", parrot, "--max-tokens", 1, stdin=b"\xff\xfe\nhi\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"ab \nab \n", b"")


def test_a_question_that_is_too_long_is_told_and_the_chat_goes_on(chat):
    out, said = chat("x" * 9000, "hi")
    assert out == "ab ab \n"
    assert "8192" in said[0]


@pytest.mark.parametrize("arguments", [["chat"], ["generate", "--prompt", "x", "--max-tokens", "1"]])
def test_a_process_without_stdin_works(parrot, arguments):
    command = shlex.join([sys.executable, "-m", "mlxvision", *arguments, "--model", str(parrot)])
    assert subprocess.run(["sh", "-c", f"{command} <&-"], check=False, capture_output=True).returncode == 0


def test_an_interrupt_stops_the_answer_and_not_the_chat(parrot):
    command = [sys.executable, "-m", "mlxvision", "chat", "--model", parrot, *ENDLESS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin and process.stdout and process.stderr
        for _ in range(2):
            process.stdin.write(b"go on\n")
            process.stdin.flush()
            os.read(process.stdout.fileno(), 1)
            process.send_signal(signal.SIGINT)
            process.stdout.readline()
        process.stdin.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_a_chat_on_a_terminal(parrot, picture):
    """Prompts, an interrupt at the prompt, an offer, and the end as Ctrl-D gives it."""
    user, given = pty.openpty()
    command = [sys.executable, "-m", "mlxvision", "chat", "--model", parrot, "--max-tokens", "2"]
    with subprocess.Popen(command, stdin=given, stdout=given, stderr=given, start_new_session=True) as process:
        os.close(given)
        seen = b""

        def wait_for(text):
            nonlocal seen
            while text not in seen:
                assert select.select([user], [], [], 60)[0], seen
                seen += os.read(user, 4096)
            seen = seen.split(text, 1)[1]

        try:
            wait_for(b"/help lists the commands")
            wait_for(b"> ")
            os.write(user, b"hi\r")
            wait_for(b"ab ")
            wait_for(b"ab ")
            wait_for(b"--max-tokens")
            wait_for(b"> ")
            process.send_signal(signal.SIGINT)
            while not select.select([user], [], [], 1)[0]:  # a line editor misses one just before it waits for keys
                process.send_signal(signal.SIGINT)
            wait_for(b"> ")
            os.write(user, f"{picture}\r".encode())
            wait_for(b"show it to the model? [y/N] ")
            os.write(user, b"y\r")
            wait_for(b"90x40 px")
            wait_for(b"> ")
            os.write(user, b"\x04")
            assert process.wait(60) == 0
        finally:
            process.kill()
    os.close(user)


def test_the_model_cannot_name_a_file(run, picture, tmp_path):
    """What a model says is text, also if it is a path."""
    model = make_mllama(tmp_path / "pathological", says=str(picture))
    done = run("chat", "--model", model, "--max-tokens", 1, stdin=b"hi\nand?\n/save saved.md\n")
    assert done.stdout.decode() == 2 * f"{picture}\n"
    assert "[" not in (tmp_path / "saved.md").read_text(encoding="utf-8")
