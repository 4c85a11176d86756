"""What this family has in common with the elder one is written the same, so that no correction reaches only one."""

from pathlib import Path

import pytest

import mlxvision.families


@pytest.mark.parametrize("name", ["checkpoint", "preprocess", "prompt"])
def test_shared_code_is_word_for_word_that_of_the_elder_family(name: str) -> None:
    families = Path(mlxvision.families.__file__).parent
    elder, younger = (families / family / f"{name}.py" for family in ("qwen2_vl", "qwen2_5_vl"))
    text = elder.read_text(encoding="utf-8").replace("qwen2_vl", "qwen2_5_vl").replace("Qwen2-VL", "Qwen2.5-VL")
    assert younger.read_text(encoding="utf-8") == text
