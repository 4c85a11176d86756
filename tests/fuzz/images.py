"""A coverage-guided search for bytes that make the image opener do anything but read or refuse them.

    pip install -e ".[test,fuzz]"                              # Linux
    python -m tests.fuzz.images -seed=1 -atheris_runs=10000    # the same short run each time, as CI has it
    python -m tests.fuzz.images -max_total_time=3600 FOLDER    # a long one; what it learns stays in the folder

All arguments are libFuzzer's. Bytes that end it are written to `crash-...`; given as an argument, they run again.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["mlxvision.errors", "mlxvision.images", "PIL"]):
    from mlxvision.errors import ImageError
    from mlxvision.images import open_image

from tests.safety.corpus.bad_images import noise
from tests.safety.corpus.good_images import good_images
from tests.safety.images.messages import fault_of_message

_LONGEST = 8192
_SEEDS = sorted(picture.data for picture in good_images() if len(picture.data) < _LONGEST)
_SEEDS += [data for data in noise().values() if len(data) < _LONGEST]


def mutate(data: bytes, longest: int, seed: int) -> bytes:
    """Now and then the search starts again from a sound picture: it would not find the first bytes of one by itself."""
    if len(data) < 16 or seed % 4 == 0:
        data = _SEEDS[seed // 4 % len(_SEEDS)]
    return atheris.Mutate(data, max(longest, len(data)))


def open_bytes(data: bytes) -> None:
    try:
        image = open_image(data)
    except ImageError as error:
        fault = fault_of_message(str(error))
        if fault:
            raise ValueError(fault) from error
        return
    if image.pixels.shape != (image.height, image.width, 3) or image.pixels.flags.writeable:
        raise ValueError(f"a picture of {image.pixels.shape}")


if __name__ == "__main__":
    atheris.Setup([sys.argv[0], f"-max_len={_LONGEST}", *sys.argv[1:]], open_bytes, custom_mutator=mutate)
    atheris.Fuzz()
