"""A net is read in two parts, each when it is needed, and never in a state that nobody has checked."""

import os

import mlx.core as mx
import numpy as np
import pytest
from mlx.utils import tree_flatten

from mlxvision.errors import ModelFormatError, OutOfMemoryError
from mlxvision.loading import memory, stored
from mlxvision.loading.load import load_model
from mlxvision.loading.manifest import digests_of, write_manifest
from mlxvision.types import Image
from tests.unit.loading.toy import Checkpoints, register

TOWER, HEAD = "vision_model.fc.weight", "language_model.lm_head.weight"
PICTURE = Image(np.zeros((3, 4, 3), np.uint8), "picture", 1, "")
TOKENS = mx.array([[1, 2, 3]])


@pytest.fixture
def checkpoints(tmp_path, monkeypatch):
    register(monkeypatch)
    return Checkpoints(tmp_path)


@pytest.fixture
def read(monkeypatch):
    """The parameters that were read and checked, in this order."""
    paths, fill = [], stored.fill
    monkeypatch.setattr(stored, "fill", lambda net, tensors: [paths.extend(tensors), fill(net, tensors)][1])
    return paths


def with_manifest(directory):
    write_manifest(directory, {path.name: digests_of(path)[0] for path in directory.iterdir()}, {})
    return directory


def answer(model):
    net = model.net
    cache = net.make_cache()
    cache.add_image(net.encode(PICTURE, lambda: None))
    return np.array(net.logits(net.hidden(TOKENS, cache)))


def part_bytes(directory):
    """What the tower's parameters take in memory, and what all others do."""
    parameters = tree_flatten(load_model(directory, "toy").net.module.parameters())
    tower = sum(x.nbytes for path, x in parameters if not path.startswith("language_model."))
    return tower, sum(x.nbytes for _, x in parameters) - tower


def test_with_a_manifest_the_tower_is_read_with_the_first_image(checkpoints, read):
    directory = checkpoints.write()
    expected = answer(load_model(directory, "toy"))
    n_all = len(read)
    read.clear()
    model = load_model(with_manifest(directory), "toy")
    assert read and all(path.startswith("language_model.") for path in read)
    model.net.logits(model.net.hidden(TOKENS, model.net.make_cache()))
    assert TOWER not in read
    np.testing.assert_array_equal(answer(model), expected)
    answer(model)
    assert TOWER in read and len(read) == n_all


def test_what_is_not_read_takes_no_memory(checkpoints):
    directory = with_manifest(checkpoints.write())
    tower_bytes, other_bytes = part_bytes(directory)
    before = mx.get_active_memory()
    model = load_model(directory, "toy")
    assert other_bytes <= mx.get_active_memory() - before < other_bytes + tower_bytes // 2
    model.net.encode(PICTURE, lambda: None)
    assert mx.get_active_memory() - before >= other_bytes + tower_bytes


def test_in_turns_never_both_parts_are_in_memory(checkpoints, read):
    directory = checkpoints.write()
    expected = answer(load_model(directory, "toy"))
    model = load_model(with_manifest(directory), "toy", low_memory="on")
    for _ in range(2):
        read.clear()
        np.testing.assert_array_equal(answer(model), expected)
        assert read[0].startswith(("vision_model.", "multi_modal_projector."))
        assert read[-1].startswith("language_model.")
        assert len(read) == len(set(read))


@pytest.mark.parametrize("prepare", [lambda directory: directory, with_manifest])
def test_a_part_leaves_memory_when_the_other_comes(checkpoints, prepare):
    directory = prepare(checkpoints.write())
    tower_bytes, other_bytes = part_bytes(directory)
    less = min(tower_bytes, other_bytes) // 2  # for what is computed
    before = mx.get_active_memory()
    model = load_model(directory, "toy", low_memory="on")
    for _ in range(2):
        image = model.net.encode(PICTURE, lambda: None)
        mx.eval(image)
        assert tower_bytes <= mx.get_active_memory() - before < tower_bytes + less
        mx.eval(model.net.hidden(TOKENS, [image]))
        assert other_bytes <= mx.get_active_memory() - before < other_bytes + less


def test_the_revision_is_one_whether_everything_is_held_or_not(checkpoints):
    directory = checkpoints.write()
    plain = {load_model(directory, "toy", low_memory=how).revision for how in ("on", "off", "auto")}
    with_manifest(directory)
    stated = {load_model(directory, "toy", low_memory=how).revision for how in ("on", "off", "auto")}
    assert (len(plain), len(stated)) == (1, 1)


def test_other_weights_have_another_revision_by_their_manifest(checkpoints):
    arrays = checkpoints.arrays()
    before = load_model(with_manifest(checkpoints.write("before", {"model.safetensors": arrays})), "toy")
    arrays[TOWER][0, 0] += 1
    after = load_model(with_manifest(checkpoints.write("after", {"model.safetensors": arrays})), "toy")
    config = load_model(with_manifest(checkpoints.write("config", {"model.safetensors": arrays}, rope_theta=5)), "toy")
    assert len({model.revision for model in (before, after, config)}) == 3


def overwritten(directory):
    """Other weights of the same size, after the manifest was written."""
    file = directory / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-2] + b"\0\0")
    written_ns = (directory / "manifest.json").stat().st_mtime_ns
    os.utime(file, ns=(written_ns + 1, written_ns + 1))


def unstated(directory):
    write_manifest(directory, {}, {})


def broken(directory):
    (directory / "manifest.json").write_text('{"files": []}', encoding="utf-8")


def of_another_size(directory):
    path = directory / "manifest.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"size": ', '"size": 1'), encoding="utf-8")


@pytest.mark.parametrize("spoil", [overwritten, unstated, broken, of_another_size])
def test_a_manifest_that_does_not_fit_the_files_is_not_believed(checkpoints, read, spoil):
    directory = with_manifest(checkpoints.write())
    spoil(directory)
    revision = load_model(directory, "toy").revision
    assert TOWER in read
    (directory / "manifest.json").unlink()
    assert load_model(directory, "toy").revision == revision


@pytest.mark.parametrize("path", [TOWER, HEAD])
@pytest.mark.parametrize("low_memory", ["on", "off"])
def test_a_weight_that_is_no_number_is_named_before_any_answer(checkpoints, path, low_memory):
    arrays = checkpoints.arrays()
    arrays[path][0, 0] = np.nan
    directory = with_manifest(checkpoints.write(shards={"model.safetensors": arrays}))
    with pytest.raises(ModelFormatError, match=f"NaN or infinity in {path}"):
        answer(load_model(directory, "toy", low_memory=low_memory))


def test_a_tower_that_was_refused_is_refused_again(checkpoints):
    arrays = checkpoints.arrays()
    arrays[TOWER][0, 0] = np.nan
    model = load_model(with_manifest(checkpoints.write(shards={"model.safetensors": arrays})), "toy")
    for _ in range(2):
        with pytest.raises(ModelFormatError, match=TOWER):
            model.net.encode(PICTURE, lambda: None)


@pytest.mark.parametrize("change", [os.unlink, lambda file: file.write_bytes(b"?"), os.utime])
def test_a_file_that_changed_after_loading_is_not_read(checkpoints, change):
    directory = with_manifest(checkpoints.write())
    model = load_model(directory, "toy")
    change(directory / "model.safetensors")
    with pytest.raises(ModelFormatError, match=r"changed after it was loaded: .*model\.safetensors"):
        model.net.encode(PICTURE, lambda: None)


def test_what_fits_only_in_turns_takes_turns_by_itself(checkpoints, read, monkeypatch):
    directory = with_manifest(checkpoints.write())
    expected, most_bytes = answer(load_model(directory, "toy")), max(part_bytes(directory))
    request_bytes = 2 * 2 * 100 * 64  # in float32
    monkeypatch.setattr(memory, "available_bytes", lambda: most_bytes + request_bytes)
    with pytest.raises(OutOfMemoryError):
        load_model(directory, "toy", low_memory="off")
    read.clear()
    model = load_model(directory, "toy")
    assert read == []
    np.testing.assert_array_equal(answer(model), expected)
    monkeypatch.setattr(memory, "available_bytes", lambda: most_bytes + request_bytes - 1)
    with pytest.raises(OutOfMemoryError):
        load_model(directory, "toy")
