"""Words with their places become text as it is read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Word:
    """A piece of text without a break, and its rectangle on the page, in any unit."""

    text: str
    left: float
    top: float
    right: float
    bottom: float

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2


def in_rows(words: Iterable[Word]) -> str:
    """The rows of a page from top to bottom, each read from left to right, whatever stands in it."""
    rows: list[list[Word]] = []
    for word in sorted(words, key=lambda word: word.middle):
        if rows and _side_by_side(rows[-1][0], word):
            rows[-1].append(word)
        else:
            rows.append([word])
    return "\n".join(map(_joined, rows))


def _side_by_side(one: Word, other: Word) -> bool:
    return abs(one.middle - other.middle) < 0.4 * max(one.height, other.height)


def _joined(row: list[Word]) -> str:
    """Words that touch, as a word and the comma after it in another style, are one."""
    row = sorted(row, key=lambda word: word.left)
    text = row[0].text
    for before, word in pairwise(row):
        apart = word.left - before.right > 0.1 * word.height
        text += " " * apart + word.text
    return text
