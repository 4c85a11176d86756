"""What the product does to files, each in a folder of its own, beside the leftovers of runs that were killed."""

from __future__ import annotations

import json
import os
from argparse import Namespace
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlxvision.loading.manifest import verify
from tests.fakes.hub import COMMIT, Hub
from tests.safety.faults.checks import require

NEXT, GONE = "d" * 40, "e" * 40
KEYS = [c * 64 for c in "abc"]


@dataclass(frozen=True)
class Scene:
    """prepare: what was there before. act: what may be hit. check: that nothing is lost or half-published.

    left: in the names of all that a run which was killed has left.
    """

    prepare: Callable[[Path], None]
    act: Callable[[Path], None]
    check: Callable[[Path], None]
    left: str


def pulling(patch: pytest.MonkeyPatch) -> Scene:
    """A branch that moved on, while a third commit of it was begun."""
    from mlxvision.loading.pull import pull
    from mlxvision.loading.resolve import resolve

    hub = Hub()
    hub.files["model.safetensors"] = bytes(range(256)) * 40
    hub.replace_network(patch)
    patch.setattr("mlxvision.loading.pull._CHUNK_BYTES", 4000)

    def prepare(home: Path) -> None:
        patch.setenv("MLXVISION_HOME", str(home))
        hub.revisions["main"] = COMMIT
        folder = pull("owner/toy").parent
        (folder / f".{GONE}").mkdir()
        (folder / f".{GONE}" / "config.json").write_bytes(b"{")
        (folder / f".{GONE}.ref").write_bytes(GONE.encode())

    def act(home: Path) -> None:
        patch.setenv("MLXVISION_HOME", str(home))
        hub.revisions["main"] = NEXT
        pull("owner/toy")

    def check(home: Path) -> None:
        patch.setenv("MLXVISION_HOME", str(home))
        folder = resolve("owner/toy").parent
        published = [path for path in folder.glob("[!.]*") if path.name != "refs"]
        require([verify(directory) for directory in published] == [[]] * len(published))

    return Scene(prepare, act, check, GONE)


def converting(patch: pytest.MonkeyPatch) -> Scene:
    """A model of two shards."""
    from mlxvision.loading.convert import convert
    from tests.unit.loading.toy import Checkpoints, register

    register(patch)
    patch.setattr("mlxvision.loading.convert.SHARD_BYTES", 12_000)

    def prepare(folder: Path) -> None:
        folder.mkdir()
        Checkpoints(folder).write()
        (folder / ".out.arriving").mkdir()
        (folder / ".out.arriving" / "model-00009-of-00009.safetensors").write_bytes(b"half")

    def act(folder: Path) -> None:
        if not (folder / "out").exists():
            convert(folder / "model", folder / "out", name="toy")

    def check(folder: Path) -> None:
        require(not (folder / "out").exists() or verify(folder / "out") == [])

    return Scene(prepare, act, check, "00009")


def caching(patch: pytest.MonkeyPatch) -> Scene:
    """Two entries have room, the first one is asked for again, and then a third one."""
    import mlx.core as mx

    from mlxvision.engine.disk import DiskCache

    contents = {key: [mx.full((40, 50), n + 0.5), mx.array([n])] for n, key in enumerate(KEYS)}
    room = 17_000

    def prepare(folder: Path) -> None:
        for key in KEYS[:2]:
            DiskCache(folder, room).write(key, contents[key])
        (folder / ".arriving-left").write_bytes(b"half")

    def act(folder: Path) -> None:
        disk = DiskCache(folder, room)
        for key in (KEYS[0], KEYS[2]):
            if disk.read(key) is None:
                disk.write(key, contents[key])
        with suppress(OSError):
            disk.size()  # looks at every file, also where nothing is left to write

    def check(folder: Path) -> None:
        for key in KEYS:
            found = DiskCache(folder, room).read(key)
            require(found is None or all(map(mx.array_equal, found, contents[key])))
        require(DiskCache(folder, room).size()[1] <= room)

    return Scene(prepare, act, check, ".arriving-left")


def clearing(patch: pytest.MonkeyPatch) -> Scene:
    """A cache, and a file in its folder that is none of its own."""
    import mlx.core as mx

    from mlxvision.cli.cache import run_clear
    from mlxvision.engine.disk import DiskCache

    def prepare(home: Path) -> None:
        for key in KEYS:
            DiskCache(home / "cache").write(key, [mx.ones(3)])
        (home / "cache" / "mine.txt").write_bytes(b"precious")
        (home / "cache" / ".arriving-left").write_bytes(b"half")

    def act(home: Path) -> None:
        patch.setenv("MLXVISION_HOME", str(home))
        run_clear(Namespace())

    def check(home: Path) -> None:
        require((home / "cache" / "mine.txt").read_bytes() == b"precious")
        found = [DiskCache(home / "cache").read(key) for key in KEYS]
        require(all(x is None or mx.array_equal(x[0], mx.ones(3)) for x in found))

    return Scene(prepare, act, check, ".arriving-left")


def listing(patch: pytest.MonkeyPatch) -> Scene:
    """Rows of five pictures, one of them long; an earlier run was killed while it wrote the third."""
    from mlxvision.cli.rows import _KEYS, Rows

    asked = {"prompt": "What is it?"}
    rows = [
        {**dict.fromkeys(_KEYS), "path": f"{n}.png", "sha256": str(n), "text": "ab " * 9**n, "asked": asked}
        for n in range(5)
    ]

    def prepare(folder: Path) -> None:
        folder.mkdir()
        whole = "".join(json.dumps(row) + "\n" for row in rows[:3])
        (folder / "rows.jsonl").write_bytes(whole[:-20].encode())

    def act(folder: Path) -> None:
        file = Rows(str(folder / "rows.jsonl"))
        for row in rows:
            if file.take(row["sha256"], asked) is None:
                file.add(row)

    def check(folder: Path) -> None:
        *whole, _ = (folder / "rows.jsonl").read_bytes().split(b"\n")
        texts = [json.loads(line)["text"] for line in whole]
        require(len(texts) >= 2)
        require(texts == [row["text"] for row in rows[: len(texts)]])

    return Scene(prepare, act, check, "no such name")


def saving(patch: pytest.MonkeyPatch) -> Scene:
    """A conversation of which so far only the instructions are there, and a file of the user's."""
    from mlxvision.cli.chat import Chat
    from mlxvision.types import Sampling
    from tests.fakes.toy import scripted

    chat = Chat(scripted("ok"), "Be brief. " * 1000, Sampling())

    def prepare(folder: Path) -> None:
        folder.mkdir()
        (folder / "mine.md").write_bytes(b"precious")
        (folder / f".{os.getpid()}.arriving").write_bytes(b"half")

    def act(folder: Path) -> None:
        if not (folder / "saved.md").exists():
            chat._save(str(folder / "saved.md"))

    def check(folder: Path) -> None:
        require((folder / "mine.md").read_bytes() == b"precious")
        saved = folder / "saved.md"
        require(not saved.exists() or saved.read_text(encoding="utf-8").count("Be brief.") == 1000)

    return Scene(prepare, act, check, ".arriving")


SCENES = {scene.__name__: scene for scene in (pulling, converting, caching, clearing, listing, saving)}
