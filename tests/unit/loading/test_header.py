import json
import math
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from mlxvision.errors import ModelFormatError
from mlxvision.loading.header import encode_header, read_header

GOOD = {"dtype": "F16", "shape": [2, 3], "data_offsets": [0, 12]}


def file_with(tmp_path: Path, header: bytes, data: bytes = bytes(12), size: int | None = None) -> Path:
    path = tmp_path / "x.safetensors"
    path.write_bytes((len(header) if size is None else size).to_bytes(8, "little") + header + data)
    return path


def entry(**changes: Any) -> bytes:
    return json.dumps({"w": GOOD | changes}).encode()


def test_a_sound_file_is_described(tmp_path):
    header = json.dumps({"__metadata__": {"format": "pt"}, "w": GOOD}).encode() + b"   "
    tensors, metadata = read_header(file_with(tmp_path, header))
    assert metadata == {"format": "pt"}
    assert tensors["w"].shape == (2, 3)
    assert (tensors["w"].start, tensors["w"].stop) == (8 + len(header), 8 + len(header) + 12)


def test_a_file_that_mlx_wrote_without_metadata_is_read(tmp_path):
    mx.save_safetensors(str(tmp_path / "x.safetensors"), {"w": mx.zeros((2, 3))})
    tensors, metadata = read_header(tmp_path / "x.safetensors")
    assert metadata == {}
    assert tensors["w"].shape == (2, 3)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (entry(dtype="F64"), "unreadable type F64"),
        (entry(dtype=["F16"]), "unreadable type"),
        (entry(shape=[2, 4]), "does not fit its 12 bytes"),
        (entry(shape=[65536] * 4), "does not fit its 12 bytes"),
        (entry(shape=[65536] * 4, data_offsets=[0, 0]), "does not fit its 0 bytes"),
        (entry(shape=[4294967297, 0], data_offsets=[0, 0]), "impossible shape"),
        (entry(shape=[-2, -3]), "impossible shape"),
        (entry(shape=[2.0, 3]), "impossible shape"),
        (entry(shape=[True, 6]), "impossible shape"),
        (entry(shape=6), "impossible shape"),
        (entry(shape=[2, 3, *[1] * 7]), "impossible shape"),
        (entry(data_offsets=[12, 0]), "does not fit its -12 bytes"),
        (entry(data_offsets=[4, 16]), "gap or an overlap"),
        (entry(data_offsets=[0, 12, 12]), "impossible place"),
        (entry(data_offsets=None), "impossible place"),
        (entry(more=1), "unknown way"),
        (b'{"w": 3}', "unknown way"),
        (b'{"w": {}, "w": {}}', "a key twice: w"),
        (b'{"__metadata__": {"format": 1}}', "metadata that is not text"),
        (b'{"__metadata__": []}', "metadata that is not text"),
        (b'{"\\ud800": {}}', "damaged JSON"),
        (b"[]", "not a JSON object"),
        (b"{", "damaged JSON"),
        (b"\xff\xfe{\0}\0", "damaged JSON"),
        (b"[" * 100_000, "damaged JSON"),
        (b'{"w": ' + b"9" * 10_000 + b"}", "damaged JSON"),
    ],
)
def test_a_header_that_lies_is_refused_with_the_file_and_what_is_wrong(tmp_path, header, said):
    with pytest.raises(ModelFormatError, match=r"x\.safetensors") as caught:
        read_header(file_with(tmp_path, header))
    assert said in str(caught.value)


def test_tensors_may_not_overlap(tmp_path):
    header = json.dumps({"a": GOOD, "b": GOOD}).encode()
    with pytest.raises(ModelFormatError, match=r"gap or an overlap before a tensor: b"):
        read_header(file_with(tmp_path, header))


@pytest.mark.parametrize("data", [bytes(11), bytes(13)])
def test_a_truncated_or_longer_file_is_refused(tmp_path, data):
    with pytest.raises(ModelFormatError, match="truncated or too long"):
        read_header(file_with(tmp_path, entry(), data))


@pytest.mark.parametrize("size", [100_000_001, 2**64 - 1, 10_000])
def test_a_header_larger_than_its_file_or_the_limit_is_not_read(tmp_path, size):
    with pytest.raises(ModelFormatError, match="its header's size would be"):
        read_header(file_with(tmp_path, entry(), size=size))


@pytest.mark.parametrize("content", [b"", b"\0\0\0"])
def test_a_file_too_short_for_a_header_is_refused(tmp_path, content):
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(ModelFormatError, match="truncated"):
        read_header(tmp_path / "x.safetensors")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelFormatError, match=r"is missing: .*y\.safetensors"):
        read_header(tmp_path / "y.safetensors")


arrays = st.dictionaries(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(lambda key: key != "__metadata__"),
    st.tuples(
        st.sampled_from([np.float16, np.float32, np.uint8, np.uint32, np.int64, np.bool_]),
        st.lists(st.integers(0, 4), max_size=3),
    ),
    max_size=4,
)


@given(arrays, st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2))
def test_whatever_the_format_s_own_library_writes_is_read_as_written(tmp_path_factory, described, metadata):
    path = tmp_path_factory.mktemp("header") / "x.safetensors"
    path.write_bytes(save({key: np.zeros(shape, dtype) for key, (dtype, shape) in described.items()}, metadata or None))
    tensors, found = read_header(path)
    assert found == metadata
    assert {key: (info.shape, info.nbytes) for key, info in tensors.items()} == {
        key: (tuple(shape), math.prod(shape) * dtype().itemsize) for key, (dtype, shape) in described.items()
    }


@given(arrays, st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_file_is_read_or_refused_and_nothing_else(tmp_path_factory, described, damages):
    content = bytearray(save({key: np.zeros(shape, dtype) for key, (dtype, shape) in described.items()}))
    for position, byte in damages:
        content[position % len(content)] = byte
    path = tmp_path_factory.mktemp("header") / "x.safetensors"
    path.write_bytes(content)
    try:
        tensors, _ = read_header(path)
    except ModelFormatError:
        return
    assert all(0 < info.start <= info.stop <= len(content) for info in tensors.values())


def test_a_header_we_write_is_read_as_written(tmp_path):
    described = {"b": ("U32", (3, 2)), "a": ("BF16", (5,)), "empty": ("F32", (0, 4))}
    head, places = encode_header(described, {"format": "pt"})
    path = tmp_path / "x.safetensors"
    path.write_bytes(head + bytes(24 + 10))
    assert len(head) % 8 == 0
    assert read_header(path) == (places, {"format": "pt"})
