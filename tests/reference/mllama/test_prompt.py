"""Token ids equal the published chat template's, applied by transformers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mlxvision.family import Model
from mlxvision.types import Image, Message
from tests.reference.mllama.reference import RandomReference

pytestmark = pytest.mark.reference

TEMPLATE = """
{%- set given = namespace(images=false, system="", turns=messages) -%}
{%- if messages[0].role == "system" -%}
    {%- set given.system = messages[0].content | trim -%}
    {%- set given.turns = messages[1:] -%}
{%- endif -%}
{%- for turn in given.turns if turn.content is not string -%}
    {%- for part in turn.content if part.type == "image" -%}
        {%- set given.images = true -%}
    {%- endfor -%}
{%- endfor -%}
{%- if given.images and given.system -%}
    {{- raise_exception("images beside a system message") -}}
{%- endif -%}
{%- macro header(role) -%}
    {{- "<|start_header_id|>" ~ role ~ "<|end_header_id|>\n\n" -}}
{%- endmacro -%}
{{- bos_token -}}
{%- if not given.images -%}
    {{- header("system") ~ "Cutting Knowledge Date: December 2023\nToday Date: " ~ strftime_now("%d %b %Y") -}}
    {{- "\n\n" ~ given.system ~ "<|eot_id|>" -}}
{%- endif -%}
{%- for turn in given.turns -%}
    {{- header(turn.role) -}}
    {%- if turn.content is string -%}
        {{- turn.content -}}
    {%- else -%}
        {%- for part in turn.content -%}
            {{- "<|image|>" if part.type == "image" else part.text -}}
        {%- endfor -%}
    {%- endif -%}
    {{- "<|eot_id|>" -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- header("assistant") -}}
{%- endif -%}
"""
"""Behaves as the template of Llama-3.2-Vision-Instruct does for messages without tools."""

PICTURE = Image(np.zeros((2, 2, 3), np.uint8), "picture", 1, "")
SYSTEM = Message("system", ("  Answer in French.\n",))

CONVERSATIONS = {
    "one image": [Message("user", (PICTURE, "What is the total?"))],
    "image after text": [Message("user", ("What is this? ", PICTURE, " And this?\n"))],
    "text that opens with newlines": [Message("user", ("\n\nWell?",))],
    "several turns": [
        Message("user", (PICTURE, "What is the total?")),
        Message("assistant", ("12.50",)),
        Message("user", ("And the date?",)),
    ],
    "a new image in the second turn": [
        Message("user", (PICTURE, "One.")),
        Message("assistant", ("Yes.",)),
        Message("user", (PICTURE, "Two.")),
    ],
    "several images": [Message("user", (PICTURE, PICTURE, "Compare: ", PICTURE, "ça va? 你好 🙂"))],
    "image only": [Message("user", (PICTURE,))],
    "no image": [Message("user", ("Hello.",))],
    "system text, no image": [SYSTEM, Message("user", ("Hello.",))],
}


def by_template(reference: RandomReference, messages: list[Message]) -> list[int]:
    return reference.tokenizer.apply_chat_template(
        [as_transformers(message) for message in messages],
        chat_template=TEMPLATE,
        add_generation_prompt=True,
        tokenize=True,
        return_dict=False,
    )


def as_transformers(message: Message) -> dict[str, Any]:
    if message.role == "system":
        return {"role": "system", "content": message.content[0]}
    parts = [{"type": "text", "text": p} if isinstance(p, str) else {"type": "image"} for p in message.content]
    return {"role": message.role, "content": parts}


def render(model: Model, messages: list[Message]) -> list[int]:
    return model.family.render(messages, model.tokenizer, model.config)


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_prompts_equal_the_published_template(reference: RandomReference, model: Model, name: str) -> None:
    assert render(model, CONVERSATIONS[name]) == by_template(reference, CONVERSATIONS[name])


def test_system_text_beside_images_goes_in_front_of_the_user_s_text(reference: RandomReference, model: Model) -> None:
    content = (PICTURE, PICTURE, "Compare.", PICTURE)
    folded = Message("user", (PICTURE, PICTURE, "Answer in French.\n\nCompare.", PICTURE))
    assert render(model, [SYSTEM, Message("user", content)]) == by_template(reference, [folded])


def test_answers_end_where_the_reference_tokenizer_says(reference: RandomReference, model: Model) -> None:
    names = ["<|eot_id|>", "<|eom_id|>", "<|end_of_text|>"]
    assert model.family.stop_tokens(model.tokenizer) == set(reference.tokenizer.convert_tokens_to_ids(names))
