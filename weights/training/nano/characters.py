"""The characters the model reads and writes, one token each, in Llama 3's special names and chat format."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

PAD, BEGIN, END_OF_TURN, NEWLINE, START_HEADER, END_HEADER, END_OF_TEXT, UNKNOWN = range(8)

_SPECIAL = {
    "<|finetune_right_pad_id|>": PAD,
    "<|begin_of_text|>": BEGIN,
    "<|eot_id|>": END_OF_TURN,
    "<|start_header_id|>": START_HEADER,
    "<|end_header_id|>": END_HEADER,
    "<|end_of_text|>": END_OF_TEXT,
    "<|unk|>": UNKNOWN,
}
_ASCII = "".join(map(chr, range(0x20, 0x7F)))
_LATIN_1 = "".join(chr(c) for c in range(0xA1, 0x100) if c != 0xAD)
_MORE_LETTERS = "ŒœŸŠšŽžıŁł"
_SIGNS = "–—‘’‚“”„•…‹›€₫₹₽₩₺₿™†‡‰′″←↑→↓−≈≠≤≥√∞✓✗★№"


def _vietnamese() -> str:
    """Every vowel with its diacritics, precomposed."""
    vowels = "aăâeêioôơuưy"
    tones = ("", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323")
    lower = "đ" + "".join(unicodedata.normalize("NFC", vowel + tone) for vowel in vowels for tone in tones)
    return lower + lower.upper()


VIETNAMESE = frozenset(_vietnamese()) - frozenset(_ASCII)
CHARACTERS = "".join(dict.fromkeys(_ASCII + _LATIN_1 + _vietnamese() + _MORE_LETTERS + _SIGNS))

_ID = {"\n": NEWLINE} | {character: i for i, character in enumerate(CHARACTERS, len(_SPECIAL) + 1)}
_ROLES = {role: i for i, role in enumerate(("user", "assistant", "system"), len(_ID) + len(_SPECIAL))}
"""One token each where a header names them; in every other text they are characters."""

_LEADERS = re.compile(r"(([-.=_*~·•…#+]) ?)(?:\1){2}\2((?: ?\2)+)")

ROW_MARKS = "①②③④⑤⑥⑦⑧⑨"
"""An answer that begins with one of these reads that row of a canvas. No picture shows them."""

_ID |= {mark: i for i, mark in enumerate(ROW_MARKS, len(_ID) + len(_SPECIAL) + len(_ROLES))}
_CHARACTER = {i: character for character, i in _ID.items()}

_THINGS = (
    "red", "green", "blue", "yellow", "orange", "purple", "pink", "brown", "black", "white", "gray", "circle", "square",
    "triangle", "star", "rectangle", "ellipse", "diamond", "hexagon",
)  # fmt: skip

VOCABULARY = -(-(len(_ID) + len(_SPECIAL) + len(_ROLES)) // 64) * 64
IMAGE = VOCABULARY
"""The image token has no row in the output head, only one of the eight extra rows of the input embeddings."""


def thing_id(name: str) -> int:
    """An id that stands for a colour or a shape while training, and for nothing in a text."""
    return VOCABULARY - 1 - _THINGS.index(name)


def encode(text: str) -> list[int]:
    return [_ID.get(character, UNKNOWN) for character in text]


def decode(ids: list[int]) -> str:
    return "".join(_CHARACTER.get(i, "") for i in ids)


def written(text: str) -> list[int]:
    """Which characters are written: of a row of dots or other signs only the first four, since nobody counts them."""
    kept = set(range(len(text)))
    for found in _LEADERS.finditer(text):
        kept -= set(range(*found.span(3)))
    return sorted(kept)


def as_written(text: str) -> str:
    return "".join(text[i] for i in written(text))


def question(turns: Sequence[tuple[str, str]], asked: str) -> list[int]:
    """Ids of a conversation with a picture at its head, up to the header that the next answer follows."""
    ids, _ = conversation((*turns, (asked, "")))
    return ids[:-1]


def conversation(turns: Sequence[tuple[str, str]]) -> tuple[list[int], list[bool]]:
    """Ids of (user, assistant) pairs with a picture at their head, and which ids an assistant wrote."""
    ids, written = [BEGIN], [False]
    for i, (asked, answer) in enumerate(turns):
        given = [*_header("user"), *[IMAGE] * (i == 0), *encode(asked), END_OF_TURN, *_header("assistant")]
        answered = [*encode(answer), END_OF_TURN]
        ids += given + answered
        written += [False] * len(given) + [True] * len(answered)
    return ids, written


def _header(role: str) -> list[int]:
    return [START_HEADER, _ROLES[role], END_HEADER, NEWLINE, NEWLINE]


def build_tokenizer() -> Tokenizer:
    special = _SPECIAL | {"<|image|>": IMAGE}
    used = special | _ID | _ROLES
    taken = set(used.values())
    spare = [i for i in range(VOCABULARY + 8) if i not in taken]
    vocabulary = used | {f"<|reserved_special_token_{n}|>": i for n, i in enumerate(spare)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<|unk|>"))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(rf"\A(?:{'|'.join(_ROLES)})\z|[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    names = sorted(vocabulary.keys() - _ID.keys() - _ROLES.keys(), key=vocabulary.__getitem__)
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in names])
    return tokenizer
