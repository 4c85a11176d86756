"""What there is in a picture, counted one by one before any question is answered."""

from __future__ import annotations

from collections import Counter

from training.nano.documents import Document
from training.nano.sample import Thing


def inventory(document: Document, transcript: str) -> str:
    """A line for each thing, with a running count of each of its words, or for each entry of the transcript; then how
    many lines these are, and what the whole is."""
    counts: Counter[str] = Counter()
    entries = [" ".join(filter(None, entry)) for entry in document.entries if entry[0] in transcript]
    lines = [f"{number} {entry}" for number, entry in enumerate(entries, 1)]
    lines += [_item(number, thing, counts) for number, thing in enumerate(document.things, 1)]
    return "\n".join([*lines, f"{len(lines)} {document.whole}"])


def _item(number: int, thing: Thing, counts: Counter[str]) -> str:
    counts.update((thing.colour, thing.shape, thing.name))
    of_colour, of_shape, of_both = (counts[x] for x in (thing.colour, thing.shape, thing.name))
    return f"{number} {thing.colour} {of_colour} {thing.shape} {of_shape} {of_both}"
