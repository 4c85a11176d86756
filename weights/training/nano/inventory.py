"""What there is to see in a picture, said line by line before any question is answered: from this a small model answers
better than from the picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from training.nano.sample import Seen, Thing

_LETTERS = "abcdefghijklmnopqrstuvwxyzA"


def inventory(things: Sequence[Thing], whole: str) -> tuple[Seen, ...]:
    """Each thing with its place and running counts, those that stand out, and what the whole is. Boxes are in patches.

    The place comes first: from the last one, the next is found, and each word after it is found there.
    """
    counts: Counter[str] = Counter()
    seen = [_item(number, thing, counts) for number, thing in enumerate(things, 1)]
    if len(things) > 1:
        seen += [Seen(f"{word} {_place(thing)} {_name(thing)}", thing) for word, thing in _outstanding(things)]
    return (*seen, Seen(whole))


def middle(thing: Thing) -> tuple[int, int]:
    """The column and the row of the patch in the middle of a thing."""
    left, top, right, bottom = thing.box
    return int((left + right) / 2), int((top + bottom) / 2)


def _item(number: int, thing: Thing, counts: Counter[str]) -> Seen:
    if thing.words:
        return Seen(f"{_place(thing)} {number} {' '.join(thing.words)} {thing.colour}", thing)
    counts.update((thing.colour, thing.kind, _name(thing)))
    of_colour, of_kind, of_both = (counts[x] for x in (thing.colour, thing.kind, _name(thing)))
    return Seen(f"{_place(thing)} {number} {thing.colour} {of_colour} {thing.kind} {of_kind} {of_both}", thing)


def _place(thing: Thing) -> str:
    """A letter for the column and one for the row."""
    return "".join(_LETTERS[at] for at in middle(thing))


def _name(thing: Thing) -> str:
    return thing.words[0] if thing.words else f"{thing.colour} {thing.kind}"


def _outstanding(things: Sequence[Thing]) -> list[tuple[str, Thing]]:
    found = [("largest", max(things, key=lambda t: t.size)), ("smallest", min(things, key=lambda t: t.size))]
    if not things[0].words:
        across, down = lambda t: t.box[0] + t.box[2], lambda t: t.box[1] + t.box[3]
        found += [("left", min(things, key=across)), ("right", max(things, key=across))]
        found += [("top", min(things, key=down)), ("bottom", max(things, key=down))]
    return found
