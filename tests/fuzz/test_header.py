"""Headers made of whatever JSON allows: each is refused as a broken model, or MLX reads what it says."""

import json
import math
from pathlib import Path

import mlx.core as mx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxvision.errors import ModelFormatError
from mlxvision.loading.header import ITEM_BYTES, read_header

numbers = st.sampled_from([0, 1, 2, 4, 8, 12, 2**31 - 1, 2**31, 2**32 + 1, 2**63, 2**64, -1, 10**30]) | st.integers(
    0, 40
)
scalars = numbers | st.none() | st.booleans() | st.floats() | st.text(max_size=6) | st.sampled_from(sorted(ITEM_BYTES))
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
entries = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from([*sorted(ITEM_BYTES), "F64", "F8_E4M3", "C64"]) | values,
        "shape": st.lists(numbers, max_size=4) | values,
        "data_offsets": st.lists(numbers, min_size=2, max_size=2) | values,
    },
    optional={"more": values},
)
sound = st.tuples(st.sampled_from(sorted(ITEM_BYTES)), st.lists(st.integers(0, 3), max_size=3))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("header") / "x.safetensors"


def write(path: Path, header: bytes, data: bytes, size: int | None = None) -> None:
    path.write_bytes((len(header) if size is None else size).to_bytes(8, "little") + header + data)


def check(path: Path) -> bool:
    """Whether the file is taken; MLX then finds the same in it."""
    try:
        tensors, _ = read_header(path)
    except ModelFormatError as error:
        assert len(str(error)) < 600 and "\n" not in str(error)
        return False
    assert {key: array.shape for key, array in mx.load(str(path)).items()} == {
        key: info.shape for key, info in tensors.items()
    }
    return True


@given(header=st.dictionaries(st.text(max_size=6), entries | values, max_size=3), data=st.binary(max_size=40))
def test_a_header_of_any_structure_is_refused_or_true(path, header, data):
    write(path, json.dumps(header).encode(), data)
    check(path)


@given(header=st.binary(max_size=60) | st.text(max_size=60).map(str.encode), size=st.integers(0, 2**64 - 1))
def test_a_header_of_any_bytes_and_any_size_is_refused_or_true(path, header, size):
    write(path, header, b"", size)
    check(path)


@given(st.lists(sound, min_size=1, max_size=4), st.data())
def test_one_wrong_number_in_a_sound_header_is_found(path, described, data):
    header, position = {}, 0
    for number, (dtype, shape) in enumerate(described):
        stop = position + math.prod(shape) * ITEM_BYTES[dtype]
        header[str(number)] = {"dtype": dtype, "shape": shape, "data_offsets": [position, stop]}
        position = stop
    write(path, json.dumps(header).encode(), bytes(position))
    assert check(path)
    entry = header[data.draw(st.sampled_from(sorted(header)))]
    place = data.draw(st.integers(0, 1))
    wrong = data.draw(numbers.filter(lambda number: number != entry["data_offsets"][place]))
    entry["data_offsets"][place] = wrong
    write(path, json.dumps(header).encode(), bytes(position))
    assert not check(path)
