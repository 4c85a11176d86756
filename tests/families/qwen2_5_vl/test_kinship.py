"""What this family has in common with the elder one is written the same, so that no correction reaches only one."""

from pathlib import Path

import pytest

import mlxvision.families

ELDER, YOUNGER = ("qwen2_vl", "Qwen2-VL", "Qwen2VL"), ("qwen2_5_vl", "Qwen2.5-VL", "Qwen25VL")


def shared(name: str, family: str) -> str:
    """A file of a family, down to the part that is its own."""
    text = (Path(mlxvision.families.__file__).parent / family / f"{name}.py").read_text(encoding="utf-8")
    return text.partition("def request_bytes")[0]


@pytest.mark.parametrize("name", ["model", "prompt"])
def test_shared_code_is_word_for_word_that_of_the_elder_family(name: str) -> None:
    elder, younger = shared(name, ELDER[0]), shared(name, YOUNGER[0])
    for old, new in zip(ELDER, YOUNGER, strict=True):
        elder = elder.replace(old, new)
    assert younger == elder
