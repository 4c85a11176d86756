"""Tells where a simulated death leaves other files than a real one.

python -m tests.safety.faults.deaths SCENE FOLDER
"""

import os
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.safety.faults.injector import FAULTS, Faults, Killed, tree
from tests.safety.faults.processes import end_of, start
from tests.safety.faults.scenes import SCENES, Scene


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def act(scene: Scene, folder: Path, faults: Faults) -> None:
    with faults, suppress(Killed):
        scene.act(folder)


def main(name: str, place: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        scene = SCENES[name](patch)
        scene.prepare(place / "before")
        shutil.copytree(place / "before", place / "undisturbed")
        act(scene, place / "undisturbed", faults := Faults(place / "undisturbed"))
        deaths = [fault for fault in FAULTS.values() if fault.kills]
        hits = [(at, call, death) for at, call in enumerate(faults.calls) for death in deaths if death.fits(call)]
        for at, call, death in hits:
            simulated, real = place / "simulated", place / "real"
            for folder in (simulated, real):
                shutil.copytree(place / "before", folder)
            act(scene, simulated, Faults(simulated, at, death))
            code = end_of(start(lambda: act(scene, real, Faults(real, at, death, die))))  # noqa: B023
            if code != -signal.SIGKILL or without_chance(tree(simulated)) != without_chance(tree(real)):
                print(at, call, death, code)
            for folder in (simulated, real):
                shutil.rmtree(folder)
    print(f"{len(hits)} deaths")


def without_chance(files: dict[str, bytes | None]) -> list[tuple[str, bytes | None]]:
    """Temporary files have names by chance."""
    return sorted((".arriving-" if ".arriving-" in name else name, content) for name, content in files.items())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
