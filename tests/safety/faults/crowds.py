"""Processes that share files and are killed at any instant; prints what is wrong, and nothing if all is well.

python -m tests.safety.faults.crowds CROWD FOLDER ROUNDS
"""

import random
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlxvision.errors import UsageError
from mlxvision.loading.manifest import verify
from tests.fakes.hub import Hub
from tests.safety.faults.checks import require
from tests.safety.faults.processes import end_of, start

LONGEST_LIFE_S = 0.04  # of computing, so that as much is done on a busy machine


@dataclass(frozen=True)
class Crowd:
    """work: a step of one process. check: that what the dead have left is usable."""

    work: Callable[[int, random.Random], None]
    check: Callable[[int], None]


def pulling(patch: pytest.MonkeyPatch, folder: Path) -> Crowd:
    """The same commit, another one in each round."""
    from mlxvision.loading.pull import pull
    from mlxvision.loading.resolve import resolve

    patch.setenv("MLXVISION_HOME", str(folder))
    patch.setattr("mlxvision.loading.pull._CHUNK_BYTES", 4000)
    hub = Hub()
    hub.files["model.safetensors"] = bytes(range(256)) * 400
    hub.replace_network(patch)
    pull("owner/toy")  # imports what would take longer than a life

    def work(number: int, chance: random.Random) -> None:
        hub.revisions["main"] = f"{number:040x}"
        pull("owner/toy")

    def check(number: int) -> None:
        place = folder / "models" / "owner" / "toy"
        published = [path for path in place.glob("[!.]*") if path.name != "refs"]
        require(all(verify(directory) == [] for directory in published))
        work(number, random.Random())
        require(verify(resolve("owner/toy")) == [])
        require([path.name for path in place.glob(".*")] == [".lock"])

    return Crowd(work, check)


def converting(patch: pytest.MonkeyPatch, folder: Path) -> Crowd:
    """The same target, another one in each round."""
    from mlxvision.loading.convert import convert
    from tests.unit.loading.toy import Checkpoints, register

    register(patch)
    source = Checkpoints(folder).write()

    def work(number: int, chance: random.Random) -> None:
        try:
            convert(source, folder / f"out{number}", name="toy")
        except UsageError as error:
            require("another process writes to" in str(error) or "is not empty" in str(error))

    def check(number: int) -> None:
        work(number, random.Random())
        require(verify(folder / f"out{number}") == [])
        require(list(folder.glob(".*")) == [])

    return Crowd(work, check)


def caching(patch: pytest.MonkeyPatch, folder: Path) -> Crowd:
    """Twelve entries, room for four."""
    import mlx.core as mx

    from mlxvision.engine.disk import DiskCache

    keys = [f"{n:064x}" for n in range(12)]
    room = 4 * 8500

    def content(key: str) -> list[mx.array]:
        return [mx.full((2000,), int(key, 16), mx.float32)]

    def work(number: int, chance: random.Random) -> None:
        disk, key = DiskCache(folder, room), chance.choice(keys)
        match chance.randrange(20):
            case 0:
                disk.clear()
            case n if n < 10:
                found = disk.read(key)
                require(found is None or mx.array_equal(found[0], content(key)[0]))
            case _:
                disk.write(key, content(key))

    def check(number: int) -> None:
        disk = DiskCache(folder, room)
        require(sum(path.stat().st_size for path in folder.glob("*.safetensors")) <= room)
        found = {key: disk.read(key) for key in keys}
        require(all(mx.array_equal(x[0], content(key)[0]) for key, x in found.items() if x))
        disk.write(keys[0], content(keys[0]))
        require(disk.read(keys[0]))
        require((disk.n_dropped, disk.n_unwritten) == (0, 0))
        require(list(folder.glob(".*")) == [])
        require(sum(path.stat().st_size for path in folder.iterdir()) <= room)

    return Crowd(work, check)


CROWDS = {crowd.__name__: crowd for crowd in (pulling, converting, caching)}


def live(crowd: Crowd, number: int, seed: int) -> None:
    """Work until a signal that nothing handles kills the process, between any two instructions."""
    chance = random.Random(seed)
    signal.setitimer(signal.ITIMER_PROF, chance.uniform(0.001, LONGEST_LIFE_S))
    while True:
        crowd.work(number, chance)


def main(name: str, folder: Path, n_rounds: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        crowd = CROWDS[name](patch, folder)
        for number in range(n_rounds):
            seeds = range(100 * number, 100 * number + (2, 4)[number % 2])
            members = [start(lambda seed=seed: live(crowd, number, seed)) for seed in seeds]  # noqa: B023
            ends = [end_of(member) for member in members]
            if set(ends) != {-signal.SIGPROF} or end_of(start(lambda: crowd.check(number))):  # noqa: B023
                print(f"round {number}: {ends}")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
