"""ChatML: a message stands between two tokens of its own, after the name of its role.

Source: the chat templates of the families that use it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mlxvision.errors import UsageError
from mlxvision.text.tokenizer import Tokenizer
from mlxvision.types import Image, Message

_STOP = ("<|im_end|>", "<|endoftext|>")


def stop_tokens(tokenizer: Tokenizer) -> frozenset[int]:
    """Raises: ModelFormatError if the tokenizer cannot end a turn."""
    return frozenset(tokenizer.special(name) for name in _STOP)


def render_chat(
    messages: Sequence[Message], tokenizer: Tokenizer, show: Callable[[Image], Sequence[int]], system: str = ""
) -> list[int]:
    """Token ids of the conversation and of the header that the answer follows.

    show: an image -> the tokens that stand for it. system: the text of a conversation that has no system message.

    Raises: UsageError if the last message is not the user's, and what `show` raises
    """
    roles = [message.role for message in messages]
    if not messages or roles[-1] != "user":
        raise UsageError("the last message must be the user's", roles, "Add a user message")
    start, end = tokenizer.special("<|im_start|>"), tokenizer.special("<|im_end|>")
    usual = [Message("system", (system,))] if system and roles[0] != "system" else []
    parts: list[int | str] = []
    for message in [*usual, *messages]:
        parts += [start, f"{message.role}\n"]
        for part in message.content:
            parts += [part] if isinstance(part, str) else show(part)
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
