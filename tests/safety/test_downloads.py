"""A hub that lies, and disks that forget: what is published is what the hub described, and lies where it should."""

import json
import random

import pytest

from mlxvision.errors import DownloadError, ModelFormatError, ModelNotFoundError
from mlxvision.loading.manifest import MANIFEST, verify
from mlxvision.loading.pull import list_models, pull
from mlxvision.loading.resolve import Repository, resolve
from tests.fakes.hub import COMMIT, Hub
from tests.safety.faults.injector import tree

OTHER = "f" * 40
OUTSIDE = [
    "../../evil.safetensors",
    "../LICENSE",
    "/LICENSE",
    "/tmp/evil.safetensors",
    "a/../../../config.json",
    "config.json/evil.safetensors",
    "refs/evil.safetensors",
    "..\\evil.safetensors",
    "C:\\evil.safetensors",
    "C:evil.safetensors",
    "LICENSE/../../../evil",
    "LICENSE\0",
    "LICENSE\nX",
    "LICENSE\u202e",
    "LICENSE\ud800",
    "..safetensors",
    ".safetensors",
    "-.safetensors",
    "~.safetensors",
    "é.safetensors",
    "model.SAFETENSORS",
    "CONFIG.JSON",
    "manifest.json",
    ".lock",
    "",
]


@pytest.fixture
def hub(tmp_path, monkeypatch):
    monkeypatch.setenv("MLXVISION_HOME", str(tmp_path / "home"))
    hub = Hub()
    hub.files["model.safetensors"] = bytes(range(256)) * 40
    hub.replace_network(monkeypatch)
    return hub


def test_files_with_odd_names_are_neither_asked_for_nor_written(hub, tmp_path):
    hub.more = [(name, b"evil") for name in OUTSIDE]
    directory = pull("owner/toy")
    assert sorted(path.name for path in directory.iterdir()) == [
        "README.md",
        "config.json",
        "manifest.json",
        "model.safetensors",
    ]
    assert {name for name, _ in hub.asked} <= {"config.json", "model.safetensors"}
    elsewhere = set(tree(tmp_path)) - {str(path.relative_to(tmp_path)) for path in directory.iterdir()}
    place = directory.parent.relative_to(tmp_path)
    assert {name for name in elsewhere if (tmp_path / name).is_file()} == {f"{place}/.lock", f"{place}/refs/main"}


@pytest.mark.parametrize("name", ["Model.safetensors", "MODEL.safetensors", "config.json"])
def test_no_two_files_have_one_name_on_any_disk(hub, name):
    hub.more = [(name, b"another")]
    with pytest.raises(DownloadError, match="two files of one name in: owner/toy"):
        pull("owner/toy")


@pytest.mark.parametrize("commit", [None, "", "main", "../../../../evil", COMMIT[:-1], COMMIT + "0", "A" * 40, "/"])
def test_a_revision_is_pinned_to_a_commit_or_refused(hub, tmp_path, commit):
    (tmp_path / "evil").mkdir()
    hub.revisions["main"] = commit
    with pytest.raises(DownloadError, match="names no commit"):
        pull("owner/toy")
    assert not (tmp_path / "home").exists()


def test_the_commit_that_was_asked_for_is_the_one_that_is_pulled(hub):
    assert pull(f"owner/toy@{COMMIT}").name == COMMIT
    hub.revisions[COMMIT] = OTHER
    with pytest.raises(DownloadError, match="or another one"):
        pull(f"owner/toy@{COMMIT}")


@pytest.mark.parametrize("text", ["", "\0" * 40, "..", "../toy", "refs", COMMIT[:20], COMMIT + "\n", "\xff\xfe", "/"])
def test_a_damaged_note_of_the_commit_is_none_and_the_next_pull_mends_it(hub, text):
    directory = pull("owner/toy")
    ref = Repository.parse("owner/toy").ref
    ref.write_bytes(text.encode("latin-1"))
    with pytest.raises(ModelNotFoundError, match="mlxvision pull owner/toy"):
        resolve("owner/toy")
    assert [model.name for model in list_models()] == ["nano"]
    assert pull("owner/toy") == directory == resolve("owner/toy")


def flipped(content, position):
    changed = bytearray(content)
    changed[position // 8] ^= 1 << position % 8
    return bytes(changed)


def test_one_flipped_bit_at_any_place_of_any_file_is_found(hub):
    directory = pull("owner/toy")
    chance = random.Random(0)
    for name in ("config.json", "model.safetensors"):
        path = directory / name
        content = path.read_bytes()
        for position in {0, 8 * len(content) - 1, *(chance.randrange(8 * len(content)) for _ in range(100))}:
            path.write_bytes(flipped(content, position))
            assert verify(directory) == [f"{name}: content changed"], position
        path.write_bytes(content)
    assert verify(directory) == []


def test_one_flipped_bit_of_what_is_stated_is_found(hub):
    directory = pull("owner/toy")
    path = directory / MANIFEST
    content = path.read_bytes()
    stated = json.loads(content)["files"]
    for position in range(8 * content.index(b'"files"'), 8 * len(content)):
        path.write_bytes(flipped(content, position))
        try:
            found = verify(directory)
        except ModelFormatError:
            continue
        assert found or json.loads(path.read_bytes())["files"] == stated, position


@pytest.mark.parametrize("n_zeros", [1, 512, 4096])
def test_zeros_in_place_of_a_tail_are_found(hub, n_zeros):
    directory = pull("owner/toy")
    path = directory / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-n_zeros] + bytes(n_zeros))
    assert verify(directory) == ["model.safetensors: content changed"]
