"""The Llama 3.2 Vision chat format.

Source: the chat template of meta-llama/Llama-3.2-11B-Vision-Instruct. It refuses system messages beside images; we put
the system text in front of the first user message instead, as the model never saw the two together. Without images it
opens with a system message that names two dates.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from mlxvision.errors import UsageError
from mlxvision.families.mllama.config import Config
from mlxvision.text import Tokenizer
from mlxvision.types import Message

_CONTROL = ("begin_of_text", "start_header_id", "end_header_id", "eot_id")
_STOP = ("<|eot_id|>", "<|eom_id|>", "<|end_of_text|>")


def stop_tokens(tokenizer: Tokenizer) -> frozenset[int]:
    """Raises: ModelFormatError if the tokenizer cannot end a turn."""
    return frozenset(
        {tokenizer.special("<|eot_id|>")} | {tokenizer.special(n) for n in _STOP if tokenizer.has_special(n)}
    )


def render(messages: Sequence[Message], tokenizer: Tokenizer, config: Config) -> list[int]:
    """Token ids of the conversation and of the header that the answer follows; one image token per image.

    Raises: UsageError if the last message is not the user's, or a system message is not the first or has an image.
    """
    roles = [m.role for m in messages]
    if not messages or roles[-1] != "user":
        raise UsageError("the last message must be the user's", roles, "Add a user message")
    if "system" in roles[1:]:
        raise UsageError("a system message must come first", roles, "Move it to the front")
    if roles[0] == "system" and messages[0].images:
        raise UsageError("an image in the system message", messages[0].images[0].source, "Give it to a user message")
    special = {name: tokenizer.special(f"<|{name}|>") for name in _CONTROL}
    parts: list[int | str] = [special["begin_of_text"]]
    for message in _with_system(messages):
        parts += [special["start_header_id"], message.role, special["end_header_id"], "\n\n"]
        parts += [part if isinstance(part, str) else config.image_token_index for part in message.content]
        parts.append(special["eot_id"])
    parts += [special["start_header_id"], "assistant", special["end_header_id"], "\n\n"]
    return _encode(parts, tokenizer)


def _encode(parts: Sequence[int | str], tokenizer: Tokenizer) -> list[int]:
    """Ids stay; neighbouring texts are encoded as one, since a token may span both."""
    ids: list[int] = []
    text = ""
    for part in parts:
        if isinstance(part, str):
            text += part
        else:
            ids += [*tokenizer.encode(text), part]
            text = ""
    return ids + tokenizer.encode(text)


def _with_system(messages: Sequence[Message]) -> list[Message]:
    system = (
        "".join(p for p in messages[0].content if isinstance(p, str)).strip() if messages[0].role == "system" else ""
    )
    turns = [m for m in messages if m.role != "system"]
    if not any(m.images for m in turns):
        today = date.today().strftime("%d %b %Y")
        preamble = f"Cutting Knowledge Date: December 2023\nToday Date: {today}\n\n{system}"
        return [Message("system", (preamble,)), *turns]
    if not system:
        return turns
    number, first = next((i, m) for i, m in enumerate(turns) if m.role == "user")
    n_leading = next((i for i, part in enumerate(first.content) if isinstance(part, str)), len(first.content))
    folded = (*first.content[:n_leading], f"{system}\n\n", *first.content[n_leading:])
    return [*turns[:number], Message("user", folded), *turns[number + 1 :]]
