"""What the command line remembers of images on disk."""

import stat

import pytest

ASK = ("generate", "--prompt", "What is it?", "--max-tokens", 3, "--verbose")


def found(done):
    """(in memory, on disk, computed)"""
    (line,) = (line for line in done.stderr.decode().splitlines() if line.startswith("cache: "))
    return tuple(int(part.split()[0]) for part in line.removeprefix("cache: ").split(", "))


def test_the_same_image_is_not_computed_again_by_the_next_command(run, model, picture, home):
    first = run(*ASK, "--model", model, "--image", picture)
    again = run(*ASK, "--model", model, "--image", picture, "--image", picture)
    assert (found(first), found(again)) == ((0, 0, 1), (1, 1, 0))
    assert run(*ASK, "--model", model, "--image", picture).stdout == first.stdout
    (entry,) = (home / "cache").iterdir()
    assert stat.S_IMODE(entry.stat().st_mode) == 0o600
    assert stat.S_IMODE(entry.parent.stat().st_mode) == 0o700
    assert str(picture).encode() not in entry.read_bytes()


def test_no_cache_leaves_nothing_and_uses_nothing(run, model, picture, home):
    assert found(run(*ASK, "--model", model, "--image", picture, "--no-cache")) == (0, 0, 1)
    assert not home.exists()
    run(*ASK, "--model", model, "--image", picture)
    assert found(run(*ASK, "--model", model, "--image", picture, "--no-cache")) == (0, 0, 1)


def test_a_damaged_entry_is_no_matter(run, model, picture, home):
    first = run(*ASK, "--model", model, "--image", picture)
    (entry,) = (home / "cache").iterdir()
    entry.write_bytes(entry.read_bytes()[:-3])
    again = run(*ASK, "--model", model, "--image", picture)
    assert (found(again), again.stdout) == ((0, 0, 1), first.stdout)
    assert found(run(*ASK, "--model", model, "--image", picture)) == (0, 1, 0)


def test_stats_and_clear(run, model, picture, home):
    assert run("cache", "stats").stdout.decode() == f"{home}/cache: 0 entries, 0.0 MB of at most 4.29 GB\n"
    run(*ASK, "--model", model, "--image", picture)
    assert b": 1 entries, " in run("cache", "stats").stdout
    assert b": 1 entries removed" in run("cache", "clear").stdout
    assert found(run(*ASK, "--model", model, "--image", picture)) == (0, 0, 1)


@pytest.mark.parametrize("command", ["stats", "clear"])
def test_a_cache_that_is_no_folder_is_a_usage_error(run, home, command):
    home.write_text("", encoding="utf-8")
    done = run("cache", command)
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1)


def test_a_place_that_cannot_be_written_only_means_no_cache(run, model, picture, home):
    home.write_text("", encoding="utf-8")
    for _ in range(2):
        done = run(*ASK, "--model", model, "--image", picture)
        assert (done.returncode, found(done)) == (0, (0, 0, 1))
