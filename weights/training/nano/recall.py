"""Short texts that are asked for again, whole or in part: from these the decoder learns soonest to copy."""

from __future__ import annotations

from random import Random

from training.nano import texts
from training.nano.rows import Kinds
from training.nano.words import Words

Turns = tuple[tuple[str, str], ...]

_LINES: Kinds = {texts.words: 3, texts.mixed: 2, texts.prose: 1, texts.values: 2, texts.vietnamese: 1, texts.entry: 2}
_WHOLE = ("Read the text.", "Read the text.", "OCR", "What does it say?", "Read everything.", "Repeat the text.")
_FIRST = ("Read the first line.", "first line?", "What is the first line?", "What stands at the top?")
_LAST = ("Read the last line.", "last line?", "What is the last line?", "What stands at the bottom?")
_VALUE = (
    "{}?",
    "{}",
    "What is the {}?",
    "How much is the {}?",
    "What is the value of {}?",
    "Read the {}.",
    "value of {}?",
)
_NAME = ("What is {}?", "Which one is {}?", "Where does it say {}?", "what costs {}?")


def recall(rng: Random, words: Words) -> tuple[str, Turns]:
    """-> (text, turns about it)"""
    return rng.choice((_lines, _entries, _entries))(rng, words)


def _lines(rng: Random, words: Words) -> tuple[str, Turns]:
    kinds = rng.choices(list(_LINES), list(_LINES.values()), k=rng.randint(1, 6))
    lines = [kind(rng, words).replace(texts.GAP, " ") for kind in kinds]
    turns = [(rng.choice(_WHOLE), "\n".join(lines)), (rng.choice(_FIRST), lines[0]), (rng.choice(_LAST), lines[-1])]
    return "\n".join(lines), tuple(rng.sample(turns, rng.randint(1, 3)))


def _entries(rng: Random, words: Words) -> tuple[str, Turns]:
    names = list(dict.fromkeys(texts.words(rng, words) for _ in range(rng.randint(2, 9))))
    values = [words.value(rng) if rng.random() < 0.8 else texts.words(rng, words) for _ in names]
    between = rng.choice((" ", " ", ": ", " = ", " ..... "))
    turns = []
    for name, value in zip(names, values, strict=True):
        known, wanted, asked = (name, value, _VALUE) if rng.random() < 0.85 else (value, name, _NAME)
        turns.append((rng.choice(asked).format(_as_asked(rng, known)), wanted))
    rng.shuffle(turns)
    return "\n".join(map(between.join, zip(names, values, strict=True))), tuple(turns)


def _as_asked(rng: Random, name: str) -> str:
    """People do not type capitals."""
    return name.lower() if rng.random() < 0.3 else name
