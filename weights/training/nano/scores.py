"""How well a text was read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Score:
    """cer: wrong characters for each true one. exact: share of texts without any fault."""

    cer: float
    exact: float

    def __str__(self) -> str:
        return f"CER {100 * self.cer:.1f}% exact {100 * self.exact:.0f}%"


def score(truths: Sequence[str], answers: Sequence[str]) -> Score:
    errors = sum(edit_distance(truth, answer) for truth, answer in zip(truths, answers, strict=True))
    exact = sum(truth == answer for truth, answer in zip(truths, answers, strict=True))
    return Score(errors / sum(map(len, truths)), exact / len(truths))


def edit_distance(a: str, b: str) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (x != y))
    return row[-1]
