"""Arrays on disk: what is read is what was written, or nothing."""

import fcntl
import os
import stat
import subprocess
import sys

import mlx.core as mx
import pytest

from mlxvision.engine.disk import DiskCache, cache_folder

KEY, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def disk(tmp_path):
    return DiskCache(tmp_path / "cache")


def arrays(seed=0):
    mx.random.seed(seed)
    return [mx.random.normal((1, 2, 3)).transpose(0, 2, 1), mx.random.normal((5,)).astype(mx.bfloat16)]


def same(found, written):
    return all(a.dtype == b.dtype and mx.array_equal(a, b) for a, b in zip(found, written, strict=True))


def files(disk):
    return sorted(path.name for path in disk.folder.iterdir())


def entry(disk, key=KEY):
    return disk.folder / f"{key}.safetensors"


def test_what_was_written_is_read_by_another_process_too(disk):
    written = [*arrays(), mx.zeros((0,), mx.uint8), mx.array([1.5], mx.float16)]
    disk.write(KEY, written)
    assert same(DiskCache(disk.folder).read(KEY), written)
    assert disk.read(OTHER) is None
    assert (disk.n_dropped, disk.n_unwritten) == (0, 0)


def test_nobody_else_may_look_into_it(disk):
    disk.folder.mkdir(mode=0o755)
    disk.write(KEY, arrays())
    assert stat.S_IMODE(disk.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(entry(disk).stat().st_mode) == 0o600


def test_an_entry_is_a_safetensors_file(disk):
    from safetensors.numpy import load_file

    disk.write(KEY, arrays()[:1])
    assert load_file(entry(disk))["0"].shape == (1, 3, 2)


def test_any_flipped_bit_is_found(disk):
    written = arrays()
    disk.write(KEY, written)
    content = entry(disk).read_bytes()
    for position in range(8 * len(content)):
        flipped = bytearray(content)
        flipped[position // 8] ^= 1 << position % 8
        entry(disk).write_bytes(flipped)
        assert disk.read(KEY) is None, position
        assert not entry(disk).exists()
    assert disk.n_dropped == 8 * len(content)


@pytest.mark.parametrize("n_zeros", [1, 9, 40, 400])
def test_an_entry_with_zeros_in_place_of_its_tail_is_dropped(disk, n_zeros):
    disk.write(KEY, arrays())
    content = entry(disk).read_bytes()
    entry(disk).write_bytes(content[:-n_zeros] + bytes(n_zeros))
    assert disk.read(KEY) is None
    assert (files(disk), disk.n_dropped) == ([], 1)


@pytest.mark.parametrize("length", [0, 7, 8, 100, -1])
def test_a_truncated_entry_is_dropped(disk, length):
    disk.write(KEY, arrays())
    content = entry(disk).read_bytes()
    entry(disk).write_bytes(content[:length])
    assert disk.read(KEY) is None
    assert (files(disk), disk.n_dropped) == ([], 1)


def test_an_entry_under_another_key_is_dropped(disk):
    disk.write(KEY, arrays())
    disk.write(OTHER, arrays(1))
    entry(disk).rename(disk.folder / "aside")
    entry(disk, OTHER).rename(entry(disk))
    (disk.folder / "aside").rename(entry(disk, OTHER))
    assert (disk.read(KEY), disk.read(OTHER)) == (None, None)
    assert (files(disk), disk.n_dropped) == ([], 2)


def test_a_foreign_safetensors_file_is_dropped(disk):
    disk.write(OTHER, arrays())
    mx.save_safetensors(str(entry(disk)), {"0": mx.zeros(3)}, {"format": "mlx"})
    assert disk.read(KEY) is None
    mx.save_safetensors(str(entry(disk)), {"0": mx.zeros(3, mx.uint16)}, {})
    assert disk.read(KEY) is None
    assert disk.n_dropped == 2
    assert files(disk) == [entry(disk, OTHER).name]


def test_a_pipe_in_its_place_does_not_hang(disk):
    disk.write(OTHER, arrays())
    os.mkfifo(entry(disk))
    assert disk.read(KEY) is None
    assert disk.n_dropped == 1


def test_what_was_used_longest_ago_gives_way(disk):
    keys = [c * 64 for c in "abcd"]
    disk.write(keys[0], arrays())
    disk.limit_bytes = 3 * disk.size()[1]
    for age, key in enumerate(keys[1:3]):
        disk.write(key, arrays())
        os.utime(entry(disk, key), (age, age))
    os.utime(entry(disk), (5, 5))
    assert disk.read(keys[1])  # so it was used a moment ago
    disk.write(keys[3], arrays())
    assert files(disk) == [entry(disk, key).name for key in (keys[0], keys[1], keys[3])]
    assert disk.size()[1] <= disk.limit_bytes


def test_what_exceeds_all_room_is_not_written(disk):
    disk.limit_bytes = 10
    disk.write(KEY, arrays())
    assert not disk.folder.exists()


def test_a_folder_that_cannot_be_written_only_means_no_cache(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    for folder in (tmp_path / "file" / "cache", tmp_path / "file"):
        disk = DiskCache(folder)
        disk.write(KEY, arrays())
        assert disk.read(KEY) is None
        assert disk.n_unwritten == 1


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_only_means_no_cache(disk, monkeypatch, step):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, fail)
    disk.write(KEY, arrays())
    assert disk.read(KEY) is None
    assert (files(disk), disk.n_unwritten) == ([], 1)


WRITE = """
import os, sys
from pathlib import Path
import mlx.core as mx
from mlxvision.engine.disk import DiskCache
{setup}
for _ in range(500):
    DiskCache(Path(sys.argv[1])).write("a" * 64, [mx.ones((300, 1000))])
    sys.stdout.write("x"); sys.stdout.flush()
"""


def writer(disk, setup=""):
    command = [sys.executable, "-c", WRITE.format(setup=setup), str(disk.folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_process_killed_while_writing_publishes_nothing(disk, step):
    with writer(disk, f"os.{step} = lambda *_: os._exit(9)") as process:
        assert process.wait() == 9
    (left,) = files(disk)
    assert left.startswith(".arriving-")
    assert disk.read(KEY) is None
    disk.write(OTHER, arrays())
    assert files(disk) == [entry(disk, OTHER).name]


def test_what_another_process_is_writing_is_left_alone_and_has_its_room(disk):
    disk.write(OTHER, arrays())
    size = disk.size()[1]
    disk.limit_bytes = 2 * size
    (disk.folder / ".arriving-x").write_bytes(bytes(size))
    with (disk.folder / ".arriving-x").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        disk.write(KEY, arrays())
        assert files(disk) == [".arriving-x", entry(disk).name]
        assert disk.size() == (1, size)
    disk.write(OTHER, arrays())
    assert files(disk) == [entry(disk).name, entry(disk, OTHER).name]


def test_processes_that_write_one_entry_are_never_seen_half_way(disk):
    with writer(disk) as one, writer(disk) as two:
        assert one.stdout and two.stdout
        one.stdout.read(1)
        found = [disk.read(KEY) for _ in range(20)]
        two.stdout.read(1)
        one.kill()
        two.kill()
    assert all(x and mx.array_equal(x[0], mx.ones((300, 1000))) for x in found)
    assert DiskCache(disk.folder).read(KEY)
    assert disk.n_dropped == 0


def test_clear_removes_what_is_ours_and_nothing_else(disk):
    disk.write(KEY, arrays())
    (disk.folder / ".arriving-x").write_text("", encoding="utf-8")
    (disk.folder / "notes.txt").write_text("", encoding="utf-8")
    (disk.folder / "model.safetensors").write_text("", encoding="utf-8")
    disk.clear()
    assert files(disk) == ["model.safetensors", "notes.txt"]
    DiskCache(disk.folder / "nothing").clear()


def test_the_folder_is_where_the_platform_wants_it(monkeypatch, tmp_path):
    for name in ("MLXVISION_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    assert cache_folder() == tmp_path / ".cache" / "mlxvision"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache_folder() == tmp_path / "Library" / "Caches" / "mlxvision"
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert str(cache_folder()) == "/caches/mlxvision"
    monkeypatch.setenv("MLXVISION_HOME", "/elsewhere")
    assert str(cache_folder()) == "/elsewhere/cache"
