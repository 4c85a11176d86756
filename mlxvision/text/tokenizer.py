"""A checkpoint's tokenizer.json, with user text kept apart from special tokens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer as _Tokenizer

from mlxvision.errors import ModelFormatError, UsageError

_INCOMPLETE = "\N{REPLACEMENT CHARACTER}"


class Tokenizer:
    """Encodes text that can never become a special token, and decodes whole characters."""

    def __init__(self, tokenizer: _Tokenizer, source: Path) -> None:
        tokenizer.encode_special_tokens = True
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self._source = source
        self._special = {t.content: i for i, t in tokenizer.get_added_tokens_decoder().items() if t.special}

    @classmethod
    def from_directory(cls, directory: Path) -> Tokenizer:
        """Raises: ModelFormatError if there is no readable tokenizer.json."""
        path = directory / "tokenizer.json"
        try:
            return cls(_Tokenizer.from_file(str(path)), path)
        except BaseException as error:  # the library raises Exception itself, and its panics are not even that
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            raise ModelFormatError("cannot read the tokenizer", path, "Copy the repository's tokenizer.json") from error

    def encode(self, text: str) -> list[int]:
        """Token ids of text written by a user; `<|name|>` in it stays plain characters.

        Raises: UsageError if the text is not valid Unicode.
        """
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise UsageError("the text is not valid Unicode", ascii(text), "Send UTF-8 text") from error
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def special(self, name: str) -> int:
        """The id of a special token. Raises: ModelFormatError if the tokenizer has none of that name."""
        if name not in self._special:
            raise ModelFormatError(
                f"the tokenizer has no special token {name}", self._source, "Copy the repository's tokenizer.json"
            )
        return self._special[name]

    def has_special(self, name: str) -> bool:
        return name in self._special

    def decode(self, ids: Sequence[int]) -> str:
        return self._tokenizer.decode(ids, skip_special_tokens=True)


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
