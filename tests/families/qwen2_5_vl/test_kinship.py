"""What this family has in common with the elder one is written the same, so that no correction reaches only one."""

from pathlib import Path

import mlxvision.families


def prompt(family: str) -> str:
    return (Path(mlxvision.families.__file__).parent / family / "prompt.py").read_text(encoding="utf-8")


def test_prompts_are_word_for_word_those_of_the_elder_family() -> None:
    elder = prompt("qwen2_vl").replace("qwen2_vl", "qwen2_5_vl").replace("Qwen2-VL", "Qwen2.5-VL")
    assert prompt("qwen2_5_vl") == elder
