import json
from pathlib import Path

import pytest

from mlxvision.errors import DownloadError, ModelFormatError, ModelNotFoundError, UsageError
from mlxvision.loading.manifest import verify
from mlxvision.loading.pull import list_models, pull
from mlxvision.loading.resolve import resolve

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NEXT = "fedcba9876543210fedcba9876543210fedcba98"
MIB = 1 << 20
WEIGHTS = "/owner/toy/resolve/"
INFO = "/api/models/owner/toy"


class Stop(BaseException):
    """What no handler in the product catches."""


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def listed() -> list[str]:
    return [model.name for model in list_models()]


def test_a_pull_brings_the_wanted_files_of_the_commit_and_nothing_else(hub, home):
    directory = pull("owner/toy")
    assert directory == home / "models" / "owner" / "toy" / COMMIT
    assert names(directory) == ["README.md", "config.json", "manifest.json", "model.safetensors"]
    assert (directory / "model.safetensors").read_bytes() == hub.files["model.safetensors"]
    assert json.loads((directory / "manifest.json").read_text(encoding="utf-8"))["commit"] == COMMIT
    assert verify(directory) == []


def test_a_pulled_model_is_found_by_its_name_and_listed_with_its_size(hub):
    directory = pull("owner/toy")
    assert resolve("owner/toy") == directory
    sizes = {model.name: model.size_bytes for model in list_models()}
    assert sizes["owner/toy"] == sum(path.stat().st_size for path in directory.iterdir())


def test_progress_counts_every_byte_up_to_the_total(hub):
    seen = []
    pull("owner/toy", lambda file, here, total: seen.append((file, here, total)))
    total = len(hub.files["model.safetensors"]) + len(hub.files["config.json"])
    assert seen[-1] == ("model.safetensors", total, total)
    assert [here for _, here, _ in seen] == sorted(here for _, here, _ in seen)


def test_a_revision_is_pulled_beside_the_others(hub):
    main = pull("owner/toy")
    hub.revisions["v2"] = NEXT
    hub.files["config.json"] = b'{"model_type": "other"}'
    assert pull("owner/toy@v2") == main.parent / NEXT
    assert resolve("owner/toy") == main
    assert resolve("owner/toy@v2") == main.parent / NEXT


def test_a_branch_that_moved_is_pulled_anew(hub):
    old = pull("owner/toy")
    hub.revisions["main"] = NEXT
    assert pull("owner/toy") == old.parent / NEXT == resolve("owner/toy")


def test_a_second_pull_asks_for_no_file(hub):
    pull("owner/toy")
    asked = len(hub.asked)
    pull("owner/toy@v1")
    assert len(hub.asked) == asked


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_flipped_bit_on_the_way_is_refused_and_the_next_pull_starts_that_file_again(hub, name):
    content = bytearray(hub.files[name])
    content[-1] ^= 1
    hub.served[name] = bytes(content)
    with pytest.raises(DownloadError, match=f"damaged: {name}"):
        pull("owner/toy")
    with pytest.raises(ModelNotFoundError):
        resolve("owner/toy")
    hub.served.clear()
    assert verify(pull("owner/toy")) == []


def test_zeros_in_place_of_the_tail_are_refused(hub):
    content = hub.files["model.safetensors"]
    hub.served["model.safetensors"] = content[:-4096] + bytes(4096)
    with pytest.raises(DownloadError, match=r"damaged: model\.safetensors"):
        pull("owner/toy")


def test_a_file_shorter_than_described_is_refused(hub):
    hub.served["model.safetensors"] = hub.files["model.safetensors"][:-1]
    with pytest.raises(DownloadError, match=r"only a part arrived of: model\.safetensors"):
        pull("owner/toy")


def test_a_file_longer_than_described_is_refused(hub):
    hub.served["model.safetensors"] = hub.files["model.safetensors"] + b"\0"
    with pytest.raises(DownloadError, match="damaged"):
        pull("owner/toy")


def test_a_cut_connection_is_resumed_where_it_ended(hub):
    hub.cut["model.safetensors"] = 2 * MIB
    with pytest.raises(DownloadError, match="cannot be reached"):
        pull("owner/toy")
    hub.cut.clear()
    assert verify(pull("owner/toy")) == []
    assert hub.weights_asked() == ["bytes=0-", f"bytes={2 * MIB}-"]


def test_a_server_without_ranges_sends_the_file_from_its_beginning(hub):
    hub.cut["model.safetensors"] = 2 * MIB
    with pytest.raises(DownloadError):
        pull("owner/toy")
    hub.cut.clear()
    hub.ranges = False
    assert verify(pull("owner/toy")) == []


def test_a_pull_killed_midway_leaves_nothing_visible_and_is_resumed(hub, home):
    hub.stall["model.safetensors"] = 2 * MIB + 17
    with hub.start_pull("owner/toy") as child:
        here = 2 * MIB + len(hub.files["config.json"])
        assert f"model.safetensors {here}\n" in iter(child.stdout.readline, "")
        child.kill()
    assert "owner/toy" not in listed()
    with pytest.raises(ModelNotFoundError):
        resolve("owner/toy")
    hub.stall.clear()
    assert verify(pull("owner/toy")) == []
    assert hub.weights_asked() == ["bytes=0-", f"bytes={2 * MIB}-"]


def test_a_pull_stopped_at_any_step_publishes_nothing_and_the_next_one_ends_well(hub):
    steps = []
    pull("owner/toy@v1", lambda file, here, total: steps.append(file))
    for step in range(len(steps)):
        hub.revisions["main"] = f"{step:040x}"
        left = iter(range(step))

        def stop(file, here, total, left=left):
            if next(left, None) is None:
                raise Stop

        with pytest.raises(Stop):
            pull("owner/toy", stop)
        assert listed() == ["nano", *(["owner/toy"] if step else []), "owner/toy@v1"]
        assert verify(pull("owner/toy")) == []


def test_two_pulls_at_once_fetch_every_file_once(hub):
    with hub.start_pull("owner/toy") as one, hub.start_pull("owner/toy") as other:
        one.communicate()
        other.communicate()
    assert (one.returncode, other.returncode) == (0, 0)
    assert hub.weights_asked() == ["bytes=0-"]
    assert verify(resolve("owner/toy")) == []


@pytest.mark.parametrize(
    ("prefix", "status", "code", "sentence"),
    [
        (INFO, 401, "RepoNotFound", "the hub has no such repository: owner/toy. Check the spelling; for a private"),
        (INFO, 404, "RepoNotFound", "the hub has no such repository: owner/toy"),
        (INFO, 401, "GatedRepo", "this repository is gated: owner/toy. Accept its licence on its page, set HF_TOKEN"),
        (WEIGHTS, 403, "GatedRepo", "this repository is gated: owner/toy"),
        (INFO, 404, "RevisionNotFound", "the repository has no such revision: owner/toy"),
        (WEIGHTS, 404, "EntryNotFound", "the hub answered with status 404: owner/toy"),
        (WEIGHTS, 500, "", "the hub answered with status 500: owner/toy. Run the same command again"),
    ],
)
def test_every_refusal_of_the_hub_is_one_clear_sentence(hub, prefix, status, code, sentence):
    hub.refuse[prefix] = (status, code)
    with pytest.raises(DownloadError) as caught:
        pull("owner/toy")
    assert str(caught.value).startswith(sentence)
    assert hub.url not in str(caught.value)


def test_without_a_network_the_error_says_how_to_copy_by_hand(hub, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match=r"cannot be reached .* copy the model's directory"):
        pull("owner/toy")


def test_a_repository_without_safetensors_is_refused(hub):
    del hub.files["model.safetensors"]
    with pytest.raises(DownloadError, match="no model that can be read in: owner/toy"):
        pull("owner/toy")


def test_a_full_disk_is_noticed_before_the_first_byte(hub, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": MIB}))
    with pytest.raises(DownloadError, match="do not fit on a disk with"):
        pull("owner/toy")
    assert hub.asked == []


@pytest.mark.parametrize(
    "name",
    [
        "toy",
        "owner/",
        "/toy",
        "../toy",
        "owner/..",
        "owner/to..y",
        "owner/toy/more",
        "own er/toy",
        "owner/toy@../x",
        "",
        "o/t@",
    ],
)
def test_a_name_outside_the_grammar_is_refused(home, name):
    with pytest.raises(UsageError):
        pull(name)
    assert not home.exists()


@pytest.mark.parametrize("position", [0, 1_234_567, -1])
def test_verify_finds_one_flipped_bit(hub, position):
    directory = pull("owner/toy")
    path = directory / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[position] ^= 0x10
    path.write_bytes(content)
    assert verify(directory) == ["model.safetensors: content changed"]


def test_verify_finds_missing_short_and_extra_files(hub):
    directory = pull("owner/toy")
    (directory / "config.json").unlink()
    (directory / "model.safetensors").write_bytes(b"short")
    (directory / "more.safetensors").write_bytes(b"")
    size = len(hub.files["model.safetensors"])
    assert verify(directory) == [
        "more.safetensors: not in the manifest",
        "config.json: missing",
        f"model.safetensors: 5 bytes instead of {size}",
    ]


@pytest.mark.parametrize("manifest", [None, "", "[]", "{}", '{"files": []}', '{"files": {"a": 1}}'])
def test_verify_needs_a_manifest(tmp_path, manifest):
    if manifest is not None:
        (tmp_path / "manifest.json").write_text(manifest, encoding="utf-8")
    with pytest.raises(ModelFormatError, match=r"no readable manifest\.json in"):
        verify(tmp_path)
