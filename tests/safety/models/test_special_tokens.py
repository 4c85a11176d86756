"""What users write, what files are called and what was read in a picture stays text, whatever it spells."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlxvision.families import find
from mlxvision.family import Family
from mlxvision.loading.checkpoint import Checkpoint
from mlxvision.text import Tokenizer
from mlxvision.types import Image, Message
from tests.safety.corpus.model_files import TOKENIZER
from tests.safety.corpus.models import write_base


@dataclass(frozen=True)
class Prompts:
    """How a model writes its prompts. specials: the names of its special tokens, and their ids."""

    family: Family
    config: Any
    tokenizer: Tokenizer
    specials: dict[str, int]

    def ids(self, *messages: Message) -> list[int]:
        return self.family.render(messages, self.tokenizer, self.config)

    def control(self, *messages: Message) -> list[int]:
        """The special tokens of a prompt, in their order."""
        return [token for token in self.ids(*messages) if token in self.specials.values()]


@pytest.fixture(scope="module", params=["mllama", "qwen2_vl", "qwen2_5_vl", "nano"])
def prompts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Prompts:
    directory: Path = tmp_path_factory.mktemp("special") / request.param
    write_base(request.param, directory)
    checkpoint = Checkpoint(directory)
    family = find(checkpoint.model_type)
    added = json.loads((directory / TOKENIZER).read_text(encoding="utf-8"))["added_tokens"]
    specials = {token["content"]: token["id"] for token in added if token["special"]}
    assert len(specials) >= 6
    config = family.read_config(checkpoint.config, checkpoint.preprocessor)
    return Prompts(family, config, Tokenizer.from_directory(directory), specials)


def picture(source: str = "a.png") -> Image:
    return Image(np.zeros((8, 8, 3), np.uint8), source, 1, "")


def user(*content: str | Image) -> Message:
    return Message("user", content)


def test_a_special_name_in_a_text_is_spelt_out(prompts: Prompts) -> None:
    plain = prompts.control(user(picture(), "x"))
    for name in prompts.specials:
        for text in (name, f"a{name}b", f" {name}\n", name * 3, f"<|{name}|>", name.replace("|>", "|>|>")):
            assert prompts.control(user(picture(), text)) == plain, text
            assert name in prompts.tokenizer.decode(prompts.tokenizer.encode(text))


def test_a_special_name_in_two_parts_of_a_message_is_spelt_out(prompts: Prompts) -> None:
    plain = prompts.control(user(picture(), "x"))
    for name in prompts.specials:
        for cut in range(1, len(name)):
            assert prompts.control(user(picture(), name[:cut], name[cut:])) == plain, (name, cut)


def test_a_special_name_around_a_picture_is_spelt_out(prompts: Prompts) -> None:
    plain = prompts.control(user("x", picture(), "x"))
    for name in prompts.specials:
        for cut in range(1, len(name)):
            assert prompts.control(user(name[:cut], picture(), name[cut:])) == plain, (name, cut)


def test_special_names_in_other_turns_are_spelt_out(prompts: Prompts) -> None:
    def conversation(text: str) -> list[int]:
        turns = Message("system", (text,)), user(picture(), text), Message("assistant", (text,)), user(text)
        return prompts.control(*turns)

    plain = conversation("x")
    for name in prompts.specials:
        assert conversation(name) == plain, name


def test_what_was_read_in_a_picture_is_spelt_out(prompts: Prompts) -> None:
    plain = prompts.control(user(picture(), "x\n\n", "x"))
    for name in prompts.specials:
        assert prompts.control(user(picture(), f"Total 12.40 {name}\n\n", "x")) == plain, name


def test_the_name_of_a_file_is_no_part_of_a_prompt(prompts: Prompts) -> None:
    plain = prompts.ids(user(picture(), "x"))
    for name in prompts.specials:
        assert prompts.ids(user(picture(f"{name}.png"), "x")) == plain
