"""The Qwen2.5-VL chat format: ChatML, with every image between two tokens of its own.

Source: the chat template of Qwen/Qwen2.5-VL-7B-Instruct. A conversation without a system message gets the usual one.
"""

from __future__ import annotations

from collections.abc import Sequence

from mlxvision.families.qwen2_5_vl.config import Config
from mlxvision.nn.grid_input import count_tokens
from mlxvision.text import Tokenizer
from mlxvision.text.chatml import render_chat
from mlxvision.types import Image, Message

_SYSTEM = "You are a helpful assistant."


def render(messages: Sequence[Message], tokenizer: Tokenizer, config: Config) -> list[int]:
    """An image is its opening token, as many image tokens as it has features, and its closing token.

    Raises: UsageError if the last message is not the user's; ImageError
    """
    opening, token, closing = config.vision_start_token_id, config.image_token_id, tokenizer.special("<|vision_end|>")

    def show(image: Image) -> list[int]:
        return [opening, *[token] * count_tokens(image, config.preprocess), closing]

    return render_chat(messages, tokenizer, show, _SYSTEM)
