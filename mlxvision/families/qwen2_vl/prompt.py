"""The Qwen2-VL chat format: ChatML, with every image between two tokens of its own.

Source: the chat template of Qwen/Qwen2-VL-7B-Instruct. A conversation without a system message gets the usual one.
"""

from __future__ import annotations

from collections.abc import Sequence

from mlxvision.errors import UsageError
from mlxvision.families.qwen2_vl.config import Config
from mlxvision.families.qwen2_vl.preprocess import count_tokens
from mlxvision.text import Tokenizer
from mlxvision.types import Message

_SYSTEM = Message("system", ("You are a helpful assistant.",))
_STOP = ("<|im_end|>", "<|endoftext|>")


def stop_tokens(tokenizer: Tokenizer) -> frozenset[int]:
    """Raises: ModelFormatError if the tokenizer cannot end a turn."""
    return frozenset(tokenizer.special(name) for name in _STOP)


def render(messages: Sequence[Message], tokenizer: Tokenizer, config: Config) -> list[int]:
    """Token ids of the conversation and of the header that the answer follows.

    An image is its opening token, as many image tokens as it has features, and its closing token.

    Raises: UsageError if the last message is not the user's; ImageError
    """
    roles = [message.role for message in messages]
    if not messages or roles[-1] != "user":
        raise UsageError("the last message must be the user's", roles, "Add a user message")
    start, end, vision_end = (tokenizer.special(f"<|{name}|>") for name in ("im_start", "im_end", "vision_end"))
    parts: list[int | str] = []
    for message in messages if roles[0] == "system" else [_SYSTEM, *messages]:
        parts += [start, f"{message.role}\n"]
        for part in message.content:
            if isinstance(part, str):
                parts.append(part)
            else:
                image = [config.image_token_id] * count_tokens(part, config)
                parts += [config.vision_start_token_id, *image, vision_end]
        parts += [end, "\n"]
    return _encode([*parts, start, "assistant\n"], tokenizer)


def _encode(parts: Sequence[int | str], tokenizer: Tokenizer) -> list[int]:
    """Ids stay; neighbouring texts are encoded as one, since a token may span both."""
    ids: list[int] = []
    text = ""
    for part in parts:
        if isinstance(part, str):
            text += part
        else:
            ids += [*(tokenizer.encode(text) if text else ()), part]
            text = ""
    return ids + tokenizer.encode(text)
