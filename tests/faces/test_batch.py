"""One question about many pictures, by the command."""

import fcntl
import hashlib
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from mlxvision.cli.batch import settled

EXAMPLES = Path(__file__).parents[2] / "examples"
ASK = ("batch", "--prompt", "What is it?", "--max-tokens", 3, "--images", "shots/**/*.png", "--out", "rows.jsonl")
KEYS = ["path", "sha256", "text", "finish_reason", "tokens", "error", "asked"]


@pytest.fixture
def shots(tmp_path):
    """Five pictures of other sizes and tiles, one of them in a folder below."""
    folder = tmp_path / "shots"
    (folder / "below").mkdir(parents=True)
    for number, name in enumerate(["a.png", "b.png", "c.png", "d.png", "below/e.png"]):
        draw(folder / name, number)
    return folder


def draw(path, number):
    Image.radial_gradient("L").resize((30 + 25 * number, 95 - 10 * number)).convert("RGB").save(path)


def rows(shots):
    return [json.loads(line) for line in (shots.parent / "rows.jsonl").read_bytes().splitlines(keepends=True)]


def paths(shots):
    return sorted(row["path"] for row in rows(shots))


ALL = ["shots/a.png", "shots/b.png", "shots/below/e.png", "shots/c.png", "shots/d.png"]


def test_every_picture_gets_a_row_with_its_answer(run, model, shots):
    done = run(*ASK, "--model", model)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert paths(shots) == ALL
    for row in rows(shots)[:2]:
        image = shots.parent / row["path"]
        alone = json.loads(run("generate", *ASK[1:5], "--model", model, "--image", image, "--json").stdout)
        assert list(row) == KEYS
        assert {key: row[key] for key in ("text", "tokens", "finish_reason")}.items() <= alone.items()
        assert row["sha256"] == hashlib.sha256(image.read_bytes()).hexdigest()
        assert row["error"] is None


def test_a_picture_that_cannot_be_read_is_a_row_and_not_the_end(run, parrot, shots):
    (shots / "aa.png").write_text("not an image", encoding="utf-8")
    (shots / "b.png").chmod(0)
    (shots / "cc.png").symlink_to("missing")
    (shots / "d.png").write_bytes((shots / "d.png").read_bytes()[:-40])
    readable = os.access(shots / "b.png", os.R_OK)  # as root may read all
    done = run(*ASK, "--model", parrot)
    failed = {row["path"]: row for row in rows(shots) if row["error"]}
    assert set(failed) == {"shots/aa.png", "shots/d.png", *([] if readable else ["shots/b.png"])}
    assert done.returncode == 3
    assert done.stdout == b""
    assert done.stderr.decode() == f"mlxvision: pictures that failed: {len(failed)} of 6. See rows.jsonl.\n"
    for path, row in failed.items():
        assert path in row["error"]
        assert row["error"].endswith(".")
        assert (row["text"], row["tokens"], row["finish_reason"]) == (None, None, None)
    assert len(rows(shots)) == 6


def test_what_has_its_row_is_not_asked_again(run, parrot, shots):
    (shots / "bad.png").write_text("not an image", encoding="utf-8")
    assert run(*ASK, "--model", parrot).returncode == 3
    before = rows(shots)
    (shots / "a.png").rename(shots / "renamed.png")
    draw(shots / "new.png", 5)
    assert run(*ASK, "--model", parrot).returncode == 3  # one is still not answered
    assert [row["path"] for row in rows(shots)] == [*(row["path"] for row in before), "shots/new.png"]
    (shots / "bad.png").unlink()
    assert run(*ASK, "--model", parrot).returncode == 0
    assert len(rows(shots)) == len(before) + 1


@pytest.mark.parametrize("other", [("--prompt", "Why?"), ("--max-tokens", 2), ("--plan", "zoom"), ("--system", "x")])
def test_another_question_is_asked_about_all(run, parrot, shots, other):
    run(*ASK, "--model", parrot)
    run(*ASK, "--model", parrot, *other)
    assert paths(shots) == sorted(2 * ALL)


def test_another_model_is_asked_about_all(run, parrot, model, shots):
    run(*ASK, "--model", parrot)
    run(*ASK, "--model", model)
    assert paths(shots) == sorted(2 * ALL)


def test_a_changed_picture_is_asked_about_again(run, parrot, shots):
    run(*ASK, "--model", parrot)
    draw(shots / "b.png", 7)
    run(*ASK, "--model", parrot)
    assert paths(shots) == sorted([*ALL, "shots/b.png"])


def test_the_same_picture_under_two_names_has_two_rows(run, parrot, shots):
    (shots / "copy.png").write_bytes((shots / "a.png").read_bytes())
    for _ in range(2):
        run(*ASK, "--model", parrot)
        assert paths(shots) == sorted([*ALL, "shots/copy.png"])


@pytest.mark.parametrize("kept", [1, 9, -1])
def test_a_half_written_row_is_taken_off_and_done_again(run, parrot, shots, kept):
    run(*ASK, "--model", parrot)
    file = shots.parent / "rows.jsonl"
    *whole, last = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(whole) + last[:kept])
    assert run(*ASK, "--model", parrot).returncode == 0
    assert file.read_bytes().splitlines(keepends=True) == [*whole, last]


def test_a_run_that_is_killed_loses_no_row(run, parrot, shots):
    kill = """
import os, sys
from mlxvision.cli import main, rows
add = rows.Rows.add
def add_and_die(self, row):
    add(self, row)
    if b"c.png" in open("rows.jsonl", "rb").read():
        os.kill(os.getpid(), 9)
rows.Rows.add = add_and_die
main(sys.argv[1:])
"""
    assert run(*ASK, "--model", parrot, python=("-c", kill)).returncode == -signal.SIGKILL
    assert 0 < len(rows(shots)) < 5
    assert run(*ASK, "--model", parrot).returncode == 0
    assert paths(shots) == ALL


def test_two_runs_never_add_to_one_file(run, parrot, shots):
    file = shots.parent / "rows.jsonl"
    with file.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        done = run(*ASK, "--model", parrot)
        assert (done.returncode, file.read_bytes()) == (2, b"")
        assert done.stderr.startswith(b"mlxvision: another run adds to: rows.jsonl.")
    assert run(*ASK, "--model", parrot).returncode == 0
    assert paths(shots) == ALL


@pytest.mark.parametrize("content", [b"notes", b"{}\n", b"[1]\n", b'{"path": 1}\n', b"\xff\xd8\xff\n\n"])
def test_a_file_of_something_else_is_left_as_it_is(run, shots, content):
    file = shots.parent / "rows.jsonl"
    file.write_bytes(content)
    done = run(*ASK, "--model", "no-such-model")
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1)
    assert file.read_bytes() == content


@pytest.mark.parametrize(
    "change",
    [
        ("--images", "nothing/*.png"),
        ("--images", "shots"),
        ("--out", "missing/rows.jsonl"),
        ("--out", "shots"),
        ("--out", "/dev/zero"),
        ("--max-tokens", "0"),
        ("--prompt", "@missing.txt"),
    ],
)
def test_a_wrong_command_line_is_a_usage_error_before_a_model_is_loaded(run, shots, change):
    done = run(*ASK, "--model", "no-such-model", *change)
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1)


def test_the_results_are_no_picture(run, parrot, shots):
    run(*ASK, "--model", parrot, "--images", "shots/*.*", "--out", "shots/z.jsonl")
    assert run(*ASK, "--model", parrot, "--images", "shots/*.*", "--out", "shots/z.jsonl").returncode == 0


def test_the_bundled_model_reads_each_page(run, tmp_path):
    (tmp_path / "page.png").write_bytes((EXAMPLES / "total.png").read_bytes())
    command = ("batch", "--prompt", "Read the text.", "--images", "*.png", "--out", "rows.jsonl", "--max-tokens", 64)
    assert run(*command).returncode == 0
    (row,) = map(json.loads, (tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines())
    assert (row["text"], row["finish_reason"]) == ("Total 48.20 EUR", "stop")


def test_a_full_disk_is_one_line(run, parrot, shots):
    full = """
import resource, sys
from mlxvision.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))
sys.exit(main(sys.argv[1:]))
"""
    done = run(*ASK, "--model", parrot, "--no-cache", python=("-c", full))
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    assert b"rows.jsonl" in done.stderr
    assert run(*ASK, "--model", parrot).returncode == 0
    assert paths(shots) == ALL


def start(tmp_path, *arguments):
    """The process, and the terminal that its stderr is."""
    seen_by_user, given_to_command = pty.openpty()
    command = [sys.executable, "-m", "mlxvision", *map(str, arguments)]
    process = subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.DEVNULL, stderr=given_to_command)
    os.close(given_to_command)
    return process, seen_by_user


def read_until(terminal, text):
    seen = b""
    while text not in seen:
        seen += os.read(terminal, 4096)
    return seen


def test_a_terminal_shows_how_far_it_is(tmp_path, parrot, shots):
    (shots / "bad.png").write_text("not an image", encoding="utf-8")
    process, terminal = start(tmp_path, *ASK, "--model", parrot)
    with process:
        seen = read_until(terminal, b"failed: 1 of 6")
    os.close(terminal)
    assert b"[" + b"." * 30 + b"] 0 of 6 pictures" in seen
    assert b"[" + b"#" * 30 + b"] 6 of 6 pictures, 1 failed" in seen
    assert process.returncode == 3


def test_watching_takes_what_comes_and_ends_with_ctrl_c(tmp_path, parrot, shots):
    process, terminal = start(tmp_path, *ASK, "--model", parrot, "--watch")
    with process:
        read_until(terminal, b"watching, 5 of 5 pictures")
        assert paths(shots) == ALL
        draw(shots / "new.png", 6)
        (shots / "a.png").touch()
        read_until(terminal, b"watching, 7 of 7 pictures")
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
    os.close(terminal)
    assert paths(shots) == sorted([*ALL, "shots/new.png"])


def test_a_file_is_taken_once_nobody_writes_to_it_any_more():
    taken = {"old": (5, 1), "changed": (5, 1)}
    before = {"old": (5, 1), "changed": (6, 2), "growing": (1, 1), "whole": (9, 1)}
    now = {"old": (5, 1), "changed": (6, 2), "growing": (2, 2), "whole": (9, 1), "new": (3, 3)}
    assert settled(now, before, taken) == ["changed", "whole"]
