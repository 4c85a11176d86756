import errno
import json
import os

import pytest

from mlxvision.errors import ModelFormatError
from mlxvision.loading.checkpoint import INDEX, Checkpoint
from tests.unit.loading.toy import Checkpoints, write_safetensors


@pytest.fixture
def checkpoints(tmp_path):
    return Checkpoints(tmp_path)


@pytest.fixture
def halves(checkpoints):
    """The tensors of one model, in two parts."""
    items = list(checkpoints.arrays().items())
    return {"one.safetensors": dict(items[:5]), "two.safetensors": dict(items[5:])}


def write_index(directory, weight_map):
    (directory / INDEX).write_text(json.dumps({"weight_map": weight_map}), encoding="utf-8")


def test_without_an_index_every_file_counts_but_the_authors_consolidated_ones(checkpoints, halves):
    directory = checkpoints.write(shards=halves)
    for ignored in ("consolidated.00.safetensors", "._one.safetensors"):
        (directory / ignored).write_bytes(b"anything")
    (directory / "original").mkdir()
    (directory / "original" / "model.safetensors").write_bytes(b"anything")
    assert Checkpoint(directory).tensors.keys() == checkpoints.arrays().keys()


def test_an_index_names_the_files(checkpoints, halves):
    directory = checkpoints.write(shards=halves)
    (directory / "stray.safetensors").write_bytes(b"anything")
    write_index(directory, {key: file for file, arrays in halves.items() for key in arrays})
    assert Checkpoint(directory).tensors.keys() == checkpoints.arrays().keys()


def test_a_missing_shard_is_named(checkpoints, halves):
    directory = checkpoints.write(shards=halves)
    write_index(directory, {key: file for file, arrays in halves.items() for key in arrays})
    (directory / "two.safetensors").unlink()
    with pytest.raises(ModelFormatError, match=r"missing: .*two\.safetensors"):
        Checkpoint(directory)


def test_an_index_that_takes_one_shard_for_the_other_is_refused(checkpoints, halves):
    directory = checkpoints.write(shards=halves)
    one, two = halves
    key = next(iter(halves[two]))
    write_index(directory, {key: file for file, arrays in halves.items() for key in arrays} | {key: one})
    with pytest.raises(ModelFormatError, match=rf"index\.json says that {key} is in {one}, but it is in: {two}\."):
        Checkpoint(directory)


def test_a_directory_that_cannot_be_listed_is_named(checkpoints, monkeypatch):
    directory = checkpoints.write()

    def fail(path):
        raise OSError(errno.EIO, "Input/output error", str(path))

    monkeypatch.setattr(os, "listdir", fail)
    monkeypatch.setattr(os, "scandir", fail)
    with pytest.raises(ModelFormatError, match=r"cannot list the files of the model: .*/model\. Check its permissions"):
        Checkpoint(directory)


@pytest.mark.parametrize("name", ["../x.safetensors", "/x.safetensors", "a/x.safetensors", "..", "x.gguf", 3, None])
def test_an_index_may_not_point_outside_the_directory(checkpoints, name):
    directory = checkpoints.write()
    write_safetensors(directory.parent / "x.safetensors", checkpoints.arrays(), {})
    write_index(directory, {"some.key": name})
    with pytest.raises(ModelFormatError, match=r"puts some\.key outside the directory"):
        Checkpoint(directory)


@pytest.mark.parametrize("content", ["{}", '{"weight_map": []}', '{"weight_map": {}}'])
def test_an_index_without_a_map_is_refused(checkpoints, content):
    directory = checkpoints.write()
    (directory / INDEX).write_text(content, encoding="utf-8")
    with pytest.raises(ModelFormatError, match=r"index\.json lacks a key: weight_map"):
        Checkpoint(directory)


def test_a_tensor_in_two_files_is_refused(checkpoints, halves):
    halves["two.safetensors"]["language_model.gate"] = halves["one.safetensors"]["language_model.gate"] = (
        checkpoints.arrays()["language_model.gate"]
    )
    with pytest.raises(ModelFormatError, match=r"language_model\.gate is in two files: one\.safetensors and two"):
        Checkpoint(checkpoints.write(shards=halves))


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
@pytest.mark.parametrize("content", [None, "", "[]", '{"a": 1, "a": 2}', "{" * 50_000, "\0"])
def test_a_missing_or_broken_config_names_the_file(checkpoints, name, content):
    directory = checkpoints.write()
    (directory / name).unlink()
    if content is not None:
        (directory / name).write_text(content, encoding="utf-8")
    with pytest.raises(ModelFormatError, match=name.replace(".", r"\.")):
        Checkpoint(directory)


def test_a_config_of_endless_size_is_refused(checkpoints):
    directory = checkpoints.write()
    with (directory / "config.json").open("r+b") as file:
        file.truncate(1 << 40)
    with pytest.raises(ModelFormatError, match=r"a file of more than .*config\.json"):
        Checkpoint(directory)


def test_a_fifo_in_place_of_a_config_is_not_waited_for(checkpoints):
    directory = checkpoints.write()
    (directory / "config.json").unlink()
    os.mkfifo(directory / "config.json")
    with pytest.raises(ModelFormatError, match=r"config\.json"):
        Checkpoint(directory)


def test_the_preprocessor_may_be_a_part_of_processor_config(checkpoints):
    directory = checkpoints.write()
    (directory / "preprocessor_config.json").unlink()
    (directory / "processor_config.json").write_text('{"image_processor": {"do_pad": true}}', encoding="utf-8")
    assert Checkpoint(directory).preprocessor == {"do_pad": True}


@pytest.mark.parametrize("model_type", [None, 3, ["toy"]])
def test_a_config_without_a_model_type_is_refused(checkpoints, model_type):
    checkpoint = Checkpoint(checkpoints.write(model_type=model_type))
    with pytest.raises(ModelFormatError, match=r"config\.json names no model_type"):
        _ = checkpoint.model_type


def test_an_empty_directory_is_refused(tmp_path):
    with pytest.raises(ModelFormatError, match=r"missing: .*config\.json"):
        Checkpoint(tmp_path)


def test_a_directory_without_weights_is_refused(checkpoints):
    directory = checkpoints.write()
    (directory / "model.safetensors").unlink()
    with pytest.raises(ModelFormatError, match=r"no \*\.safetensors file"):
        Checkpoint(directory)


def test_two_keys_for_one_parameter_are_refused(checkpoints):
    with pytest.raises(ModelFormatError, match="two tensors for same"):
        Checkpoint(checkpoints.write()).renamed(lambda _: "same")
