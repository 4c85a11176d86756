"""A coverage-guided search for a safetensors header that the validator neither refuses nor tells the truth about.

    python -m tests.fuzz.header -seed=1 -atheris_runs=50000     # as CI has it
    python -m tests.fuzz.header -max_total_time=3600 FOLDER     # a long one

Otherwise as `tests.fuzz.images`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["mlxvision.errors", "mlxvision.loading.header", "json"]):
    from mlxvision.errors import ModelFormatError
    from mlxvision.loading.header import ITEM_BYTES, read_header

_LONGEST = 1024
_MOST_CHARACTERS = 600
_SOUND = {"a": {"dtype": "F16", "shape": [2, 3], "data_offsets": [0, 12]}, "__metadata__": {"format": "pt"}}
_TEXT = json.dumps(_SOUND | {"b": {"dtype": "U8", "shape": [], "data_offsets": [12, 13]}}).encode()
_SEED = len(_TEXT).to_bytes(8, "little") + _TEXT + bytes(13)

_FILE = os.memfd_create("x.safetensors")


def mutate(data: bytes, longest: int, seed: int) -> bytes:
    """Every other header has its true length in front, for few mutations would keep it."""
    data = atheris.Mutate(data if len(data) >= 16 else _SEED, longest)
    end = data.rfind(b"}") + 1
    return (end - 8).to_bytes(8, "little") + data[8:] if seed % 2 and end > 8 else data


def read_bytes(data: bytes) -> None:
    os.ftruncate(_FILE, 0)
    os.pwrite(_FILE, data, 0)
    try:
        tensors, _ = read_header(Path(f"/proc/self/fd/{_FILE}"))
    except ModelFormatError as error:
        if len(str(error)) > _MOST_CHARACTERS or "\n" in str(error):
            raise ValueError("not one short line") from error
        return
    for key, info in tensors.items():
        if not 8 <= info.start <= info.stop <= len(data) or info.size * ITEM_BYTES[info.dtype] != info.nbytes:
            raise ValueError(f"a tensor that does not fit: {key}")


if __name__ == "__main__":
    atheris.Setup([sys.argv[0], f"-max_len={_LONGEST}", *sys.argv[1:]], read_bytes, custom_mutator=mutate)
    atheris.Fuzz()
