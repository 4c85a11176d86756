"""Whatever stands at whatever key of a config, it is taken or refused with that file's name; nothing else happens."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlxvision.errors import ModelFormatError
from mlxvision.families import find
from mlxvision.family import Family
from mlxvision.loading.checkpoint import Checkpoint
from mlxvision.loading.load import build_net
from tests.safety.corpus.model_files import CONFIG, MISSING, PREPROCESSOR
from tests.safety.corpus.models import write_base

NONSENSE = (
    MISSING,
    None,
    True,
    "7",
    "",
    [],
    [7],
    [7, 7, 7],
    [[1, 1]],
    {},
    {"a": 1},
    -1,
    0,
    1,
    3,
    1 << 20,
    1 << 31,
    1 << 62,
    10**4000,
    1e-300,
    0.5,
    1e11,
    float("inf"),
    float("nan"),
)


def places(content: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in content.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from places(value, (*path, key))


def with_value(content: Any, path: tuple[str, ...], value: Any) -> Any:
    content = inner = copy.deepcopy(content)
    for key in path[:-1]:
        inner = inner[key]
    if value is MISSING:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return content


def try_out(checkpoint: Checkpoint, family: Family, config: Any, preprocessor: Any) -> str:
    """What was said of it; nothing if it was taken."""
    try:
        read = family.read_config(config, preprocessor)
        family.request_bytes(read, 1, min(4096, family.context_length(read)))
        build_net(checkpoint, family, read)
    except ModelFormatError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("base", ["mllama", "qwen2_vl", "qwen2_5_vl"])
def test_every_value_of_every_key_is_taken_or_refused(tmp_path: Path, base: str) -> None:
    write_base(base, tmp_path / base)
    checkpoint, family = Checkpoint(tmp_path / base), find(base)
    files = {CONFIG: checkpoint.config, PREPROCESSOR: checkpoint.preprocessor}
    n_refused = 0
    for name, content in files.items():
        for path in places(content):
            for value in NONSENSE:
                given = {**files, name: with_value(content, path, value)}
                said = try_out(checkpoint, family, given[CONFIG], given[PREPROCESSOR])
                assert not said or CONFIG in said or PREPROCESSOR in said, (path, value)
                n_refused += bool(said)
    assert n_refused > 400
