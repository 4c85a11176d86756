"""Token ids equal the published chat template's, applied by transformers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mlxvision.family import Model
from mlxvision.types import Image, Message
from tests.reference.qwen2_vl.reference import RandomReference

pytestmark = pytest.mark.reference

TEMPLATE = """
{%- macro turn(role, content) -%}
    {{- "<|im_start|>" ~ role ~ "\n" -}}
    {%- if content is string -%}
        {{- content -}}
    {%- else -%}
        {%- for part in content -%}
            {{- "<|vision_start|><|image_pad|><|vision_end|>" if part.type == "image" else part.text -}}
        {%- endfor -%}
    {%- endif -%}
    {{- "<|im_end|>\n" -}}
{%- endmacro -%}
{%- if messages[0].role != "system" -%}
    {{- turn("system", "You are a helpful assistant.") -}}
{%- endif -%}
{%- for message in messages -%}
    {{- turn(message.role, message.content) -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- "<|im_start|>assistant\n" -}}
{%- endif -%}
"""
"""Behaves as the template of Qwen2-VL-Instruct does for texts and images."""


def picture(height: int, width: int) -> Image:
    return Image(np.zeros((height, width, 3), np.uint8), "picture", 1, f"{height}x{width}")


SMALL, WIDE, TALL = picture(20, 25), picture(10, 70), picture(600, 3)
SYSTEM = Message("system", ("  Answer in French.\n",))

CONVERSATIONS = {
    "one image": [Message("user", (SMALL, "What is the total?"))],
    "image after text": [Message("user", ("What is this? ", WIDE, " And this?\n"))],
    "text that opens with newlines": [Message("user", ("\n\nWell?",))],
    "several turns": [
        Message("user", (TALL, "What is the total?")),
        Message("assistant", ("12.50",)),
        Message("user", ("And the date?",)),
    ],
    "a new image in the second turn": [
        Message("user", (SMALL, "One.")),
        Message("assistant", ("Yes.",)),
        Message("user", (WIDE, "Two.")),
    ],
    "several images": [Message("user", (SMALL, WIDE, "Compare: ", TALL, "ça va? 你好 🙂"))],
    "image only": [Message("user", (SMALL,))],
    "no image": [Message("user", ("Hello.",))],
    "system text, no image": [SYSTEM, Message("user", ("Hello.",))],
    "system text, image": [SYSTEM, Message("user", (SMALL, "Hello."))],
}


def by_template(reference: RandomReference, messages: list[Message]) -> list[int]:
    """Each image token as often as its image has features."""
    ids = reference.tokenizer.apply_chat_template(
        [as_transformers(message) for message in messages],
        chat_template=TEMPLATE,
        add_generation_prompt=True,
        tokenize=True,
        return_dict=False,
    )
    spans = (reference.span(image.pixels)[1:-1] for message in messages for image in message.images)
    return [t for token in ids for t in (next(spans) if token == reference.config.image_token_id else [token])]


def as_transformers(message: Message) -> dict[str, Any]:
    parts = [{"type": "text", "text": p} if isinstance(p, str) else {"type": "image"} for p in message.content]
    return {"role": message.role, "content": parts}


def render(model: Model, messages: list[Message]) -> list[int]:
    return model.family.render(messages, model.tokenizer, model.config)


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_prompts_equal_the_published_template(reference: RandomReference, model: Model, name: str) -> None:
    assert render(model, CONVERSATIONS[name]) == by_template(reference, CONVERSATIONS[name])


def test_an_opening_token_stands_once_for_each_image(reference: RandomReference, model: Model) -> None:
    opening = model.family.image_token(model.config)
    for messages in CONVERSATIONS.values():
        assert render(model, messages).count(opening) == sum(len(message.images) for message in messages)


def test_answers_end_where_the_reference_tokenizer_says(reference: RandomReference, model: Model) -> None:
    names = ["<|im_end|>", "<|endoftext|>"]
    assert model.family.stop_tokens(model.tokenizer) == set(reference.tokenizer.convert_tokens_to_ids(names))
