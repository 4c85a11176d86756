"""One flipped bit is found, wherever it is."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlxvision.errors import ModelFormatError
from mlxvision.loading.manifest import MANIFEST, digests_of, unchanged_digests, verify, write_manifest

CONTENTS = {"config.json": b'{"model_type": "mllama"}', "model.safetensors": bytes(range(64))}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for name, content in CONTENTS.items():
        (tmp_path / name).write_bytes(content)
    write_manifest(tmp_path, {name: digests_of(tmp_path / name)[0] for name in CONTENTS}, {})
    return tmp_path


def flipped(path: Path) -> Iterator[int]:
    """The file with one bit flipped, with each in turn."""
    content = path.read_bytes()
    for bit in range(8 * len(content)):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        yield bit
    path.write_bytes(content)


def test_every_bit_of_every_file_counts(directory: Path) -> None:
    assert verify(directory) == []
    for name in ("config.json", "model.safetensors"):
        for _ in flipped(directory / name):
            assert verify(directory) == [f"{name}: content changed"]
    assert verify(directory) == []


def test_every_bit_of_the_manifest_counts(directory: Path) -> None:
    for bit in flipped(directory / MANIFEST):
        try:
            assert verify(directory), bit
        except ModelFormatError:
            assert unchanged_digests(directory, [directory / "model.safetensors"]) is None
    assert verify(directory) == []


@pytest.mark.parametrize("n_bytes", [0, 1, 63])
def test_a_tail_of_zeros_and_a_missing_one_are_found(directory: Path, n_bytes: int) -> None:
    path = directory / "model.safetensors"
    path.write_bytes(CONTENTS["model.safetensors"][:n_bytes].ljust(64, b"\0"))
    assert verify(directory) == ["model.safetensors: content changed"]
    path.write_bytes(CONTENTS["model.safetensors"][:n_bytes])
    assert verify(directory) == [f"model.safetensors: {n_bytes} bytes instead of 64"]
    path.unlink()
    assert verify(directory) == ["model.safetensors: missing"]


def test_weights_that_nobody_stated_are_found(directory: Path) -> None:
    (directory / "more\x1b[31m.safetensors").write_bytes(b"")
    assert verify(directory) == ["more\N{REPLACEMENT CHARACTER}[31m.safetensors: not in the manifest"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_file_that_cannot_be_read_is_found(directory: Path) -> None:
    (directory / "config.json").unlink()
    (directory / "config.json").symlink_to("/proc/self/mem")
    write_manifest(directory, {"config.json": "0" * 64, "model.safetensors": "0" * 64}, {})
    assert verify(directory)[0] == "config.json: cannot be read (Input/output error)"


@pytest.mark.parametrize("kind", ["fifo", "directory", "nothing"])
def test_a_manifest_that_is_no_file_is_not_waited_for(directory: Path, kind: str) -> None:
    (directory / MANIFEST).unlink()
    match kind:
        case "fifo":
            os.mkfifo(directory / MANIFEST)
        case "directory":
            (directory / MANIFEST).mkdir()
    with pytest.raises(ModelFormatError, match=r"no readable manifest\.json"):
        verify(directory)


@pytest.mark.parametrize(
    "entry",
    [
        {"../../etc/passwd": {"size": 1, "sha256": "0" * 64}},
        {"/etc/passwd": {"size": 1, "sha256": "0" * 64}},
        {"a": {"size": 1e999, "sha256": "0" * 64}},
        {"a": {"size": "1", "sha256": "0" * 64}},
        {"a": {"size": True, "sha256": "0" * 64}},
        {"a": {"size": 1, "sha256": "0" * 63 + "G"}},
        {"a": {"size": 1, "sha256": 0}},
        {"a": {"size": 1}},
        {"a": []},
        {"a\0": {"size": 1, "sha256": "0" * 64}},
    ],
)
def test_a_manifest_of_nonsense_is_refused_and_not_believed(directory: Path, entry: dict[str, object]) -> None:
    (directory / MANIFEST).write_text(json.dumps({"files": entry}), encoding="utf-8")
    with pytest.raises(ModelFormatError, match=r"no readable manifest\.json"):
        verify(directory)
    assert unchanged_digests(directory, [directory / "model.safetensors"]) is None
