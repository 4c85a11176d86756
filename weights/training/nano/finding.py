"""Where an answer is found: the model quotes this before it answers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from training.nano.documents.questions import Pair, denies

NOTHING = "nothing"
"""What is quoted where a question does not apply."""

_TELLING = 2
"""A shorter answer, a number for example, stands in many places."""


class Quotation(NamedTuple):
    """lead: what is asked for, as the question has it. copied: what stands behind it, or anywhere, word for word."""

    lead: str
    copied: str

    @property
    def text(self) -> str:
        return self.lead + self.copied


def find(pair: Pair, told: Sequence[str], seen: Sequence[str]) -> Quotation:
    """told: lines that were read and listed. seen: those of the inventory.

    -> the rest of a line after the words that it is known by; all of it if the answer stands before them; from the
    answer on where nobody knows them
    """
    lead, at = f"{pair.key}: ", pair.at or pair.key
    if denies(pair.answer) or pair.answer in ("no", "0"):
        return Quotation(lead, NOTHING)
    known = [line for line in (*told, *seen) if _place(at, line) is not None]
    for line, below in pairwise(told):
        if line in known and _place(pair.answer, line) is None and _place(pair.answer, below) is not None:
            known.append(f"{line}\n{below}")
    sure = [line for line in known if _place(pair.answer, line) is not None]
    from_answer = _quote(pair.answer, told)
    if not known or (from_answer and not sure):
        return Quotation(lead, from_answer or seen[-1])
    line = min(sure or known, key=lambda line: _place(at, line) != 0)
    place = _place(at, line) or 0
    rest = line[place + len(at) :]
    behind = _place(pair.answer, rest) is not None or (rest and not sure and not place)
    return Quotation(pair.key, rest) if behind else Quotation(lead, line)


def _place(words: str, line: str) -> int | None:
    """Where whole words stand in a line, large or small."""
    found = re.search(rf"(?<!\w){re.escape(words)}(?!\w)", line, re.IGNORECASE)
    return found.start() if found else None


def _quote(answer: str, told: Sequence[str]) -> str:
    """The rest of the line in which an answer, or as much as possible of it, begins."""
    words = answer.split()
    for count in range(len(words), 0, -1):
        part = " ".join(words[:count]).rstrip(",")
        for line in told if len(part) > _TELLING else ():
            if (start := _place(part, line)) is not None:
                return line[start:]
    return ""
