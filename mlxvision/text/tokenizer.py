"""A checkpoint's tokenizer.json, with user text kept apart from special tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tokenizers import Tokenizer as _Tokenizer

from mlxvision.errors import ModelFormatError, UsageError
from mlxvision.keys import read_bytes
from mlxvision.silence import silent_stderr

_INCOMPLETE = "\N{REPLACEMENT CHARACTER}"
_LARGEST_BYTES = 64_000_000
# Others could make a text of any length out of a short one.
_STEPS = frozenset({"BPE", "ByteLevel", "Fuse", "NFC", "Sequence", "Split", "WordLevel"})
_ADVICE = "Copy the repository's tokenizer.json"


class Tokenizer:
    """Encodes text that can never become a special token, and decodes whole characters."""

    def __init__(self, tokenizer: _Tokenizer, source: Path) -> None:
        tokenizer.encode_special_tokens = True
        tokenizer.no_truncation()
        tokenizer.no_padding()
        tokenizer.post_processor = None  # a template around the text: `render` knows a better one
        self._tokenizer = tokenizer
        self._source = source
        self._special = {t.content: i for i, t in tokenizer.get_added_tokens_decoder().items() if t.special}

    @classmethod
    def from_directory(cls, directory: Path) -> Tokenizer:
        """Raises: ModelFormatError if there is no readable tokenizer.json."""
        path = directory / "tokenizer.json"
        raw = read_bytes(path, _LARGEST_BYTES)
        with _said_clearly("cannot read the tokenizer", path):
            tokenizer = _Tokenizer.from_buffer(raw)
        if unknown := _steps(tokenizer) - _STEPS:
            raise ModelFormatError(f"a tokenizer that does what none of ours does ({min(unknown)})", path, _ADVICE)
        return cls(tokenizer, path)

    @property
    def n_ids(self) -> int:
        """One more than the largest id of a token."""
        return 1 + max(self._tokenizer.get_vocab().values(), default=-1)

    def encode(self, text: str) -> list[int]:
        """Token ids of text written by a user; `<|name|>` in it stays plain characters.

        Raises: UsageError if the text is not valid Unicode; ModelFormatError if the tokenizer is not made for text
        """
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise UsageError("the text is not valid Unicode", ascii(text), "Send UTF-8 text") from error
        with _said_clearly("the tokenizer cannot encode a text", self._source):
            return self._tokenizer.encode(text, add_special_tokens=False).ids

    def special(self, name: str) -> int:
        """The id of a special token. Raises: ModelFormatError if the tokenizer has none of that name."""
        if name not in self._special:
            raise ModelFormatError(f"the tokenizer has no special token {name}", self._source, _ADVICE)
        return self._special[name]

    def has_special(self, name: str) -> bool:
        return name in self._special

    def may_be_text(self, token: int) -> bool:
        """Whether a text can become this token."""
        return self._tokenizer.id_to_token(token) is not None and token not in self._special.values()

    def decode(self, ids: Sequence[int]) -> str:
        return self._tokenizer.decode(ids, skip_special_tokens=True)


@contextmanager
def _said_clearly(what: str, source: Path) -> Iterator[None]:
    """Raises: ModelFormatError"""
    try:
        with silent_stderr():  # where the library writes its panics
            yield
    except BaseException as error:  # the library raises Exception itself, and its panics are not even that
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        raise ModelFormatError(what, source, _ADVICE) from error


def _steps(tokenizer: _Tokenizer) -> set[str]:
    """The kinds of all that a text goes through."""
    parts = [part for part in (tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.decoder) if part is not None]
    found = [kind.decode() for part in parts for kind in re.findall(rb'"type":"(\w+)"', part.__getstate__())]
    return {type(tokenizer.model).__name__, *found}


class Detokenizer:
    """Turns a stream of token ids into text, one whole character at a time."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._shown = 0  # ids whose text has been given out; they stay as context for the next ones

    def add(self, token: int) -> str:
        """The text that token completes: empty while a character still lacks bytes."""
        self._ids.append(token)
        return self._advance(whole=True)

    def flush(self) -> str:
        """The rest, with the replacement character for what stayed incomplete."""
        return self._advance(whole=False)

    def _advance(self, *, whole: bool) -> str:
        before = self._tokenizer.decode(self._ids[: self._shown])
        text = self._tokenizer.decode(self._ids)
        if whole and text.endswith(_INCOMPLETE):
            return ""
        del self._ids[: self._shown]
        self._shown = len(self._ids)
        return text[len(before) :]
