"""One font and a few words that need no packages: enough to try everything out."""

from __future__ import annotations

from itertools import product
from pathlib import Path

from PIL import ImageFont

from training.nano.characters import CHARACTERS
from training.nano.fonts import Face, held_out
from training.nano.words import Words

_SYLLABLES = ("bar", "den", "lo", "mi", "ras", "tu", "vek", "zon", "pil", "gar")


class FewWords(Words):
    """Invented words of one part, chosen as the lists are."""

    def __init__(self, *, held: bool = False) -> None:
        made = ["".join(parts) for parts in product(_SYLLABLES, repeat=3)]
        self.english = [word for word in made if held_out(word, 0.1) == held]
        self.accented, self.vietnamese = ["élan", "größe"], ["bánh", "phở", "trà", "sữa"]
        self._prose = [[word] * 2 for word in self.english]


def pillows_face(directory: Path) -> Face:
    """Pillow's own font, written to a directory; what it cannot print is a box."""
    path = directory / "pillow.ttf"
    path.write_bytes(ImageFont.load_default(20).font_bytes)
    return Face(str(path), "Pillow", True, frozenset(CHARACTERS))
