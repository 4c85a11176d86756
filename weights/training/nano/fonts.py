"""The fonts: which files, which of them are held out, and which characters each can print.

Usage: python -m training.nano.fonts --work DIR      looks at the installed fonts once and writes DIR/fonts.json
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from PIL import ImageFont

from training.nano.characters import CHARACTERS

_ROOTS = (Path("/usr/share/fonts"), Path("/usr/share/texmf/fonts"))

# Fonts drawn after one model stand under one name, so that no near twin of a held-out font is trained on.
_DESIGNS = {
    "DejaVu Sans": r"DejaVuSans(Condensed)?(-Bold|-Oblique|-BoldOblique)?\.ttf",
    "DejaVu Sans Mono": r"DejaVuSansMono.*\.ttf|Hack-.*\.ttf",
    "DejaVu Serif": r"DejaVuSerif(Condensed)?(-Bold|-Italic)?\.ttf",
    "Arial": r"LiberationSans(Narrow)?-.*\.ttf",
    "Times": r"LiberationSerif-.*\.ttf|FreeSerif(Bold|Italic)?\.(ttf|otf)|texgyretermes-.*\.otf",
    "Courier": r"LiberationMono-.*\.ttf|FreeMono(Bold|Oblique)?\.(ttf|otf)|texgyrecursor-.*\.otf",
    "Helvetica": r"FreeSans(Bold|Oblique)?\.(ttf|otf)|texgyreheros(cn)?-.*\.otf",
    "Roboto": r"Roboto(Condensed)?-(Regular|Medium|Bold|Light|Italic)\.ttf",
    "Open Sans": r"OpenSans-(Regular|Semibold|Bold|Light|Italic)\.ttf|NotoSans(Display)?-(Regular|Bold|Italic)\.ttf",
    "Noto Serif": r"NotoSerif(Display)?-(Regular|Bold|Italic)\.ttf",
    "Noto Sans Mono": r"NotoSansMono-.*\.ttf|NotoMono-.*\.ttf",
    "Lato": r"Lato-(Regular|Medium|Bold|Light|Italic)\.ttf|Carlito-.*\.ttf",
    "Caladea": r"Caladea-.*\.ttf",
    "Inconsolata": r"Inconsolata.*\.(ttf|otf)",
    "Cantarell": r"Cantarell-(Regular|Bold|Light)\.otf",
    "Fira Code": r"FiraCode-(Regular|Medium|Bold|Light)\.ttf",
    "Libertine": r"LinLibertine_(R|RB|RI)\.otf",
    "Biolinum": r"LinBiolinum_(R|RB|RI)\.otf",
    "JetBrains Mono": r"JetBrainsMono-(Regular|Bold|Medium|Italic)\.ttf",
    "Palatino": r"texgyrepagella-.*\.otf",
    "Avant Garde": r"texgyreadventor-.*\.otf",
    "Bookman": r"texgyrebonum-.*\.otf",
    "Century": r"texgyreschola-.*\.otf",
    "Comic Neue": r"ComicNeue-(Regular|Bold|Italic)\.(ttf|otf)",
    "Courier Prime": r"Courier ?Prime( Sans| Code)?( Bold| Italic)?\.(ttf|otf)",
    "Inter": r"Inter(Display)?-(Regular|Medium|SemiBold|Bold|Italic)\.otf",
    "EB Garamond": r"EBGaramond(08|12)?-(Regular|Bold|Italic)\.(ttf|otf)",
    "Cabin": r"Cabin-(Regular|Bold|Italic|Medium)\.otf",
    "Anonymous Pro": r"Anonymous ?Pro.*\.ttf",
    "Latin Modern Roman": r"lmroman(10|12|9|8)-(regular|bold|italic)\.otf",
    "Latin Modern Sans": r"lmsans(10|12|8)-(regular|bold)\.otf",
    "Latin Modern Mono": r"lmmono(10|12|8)-regular\.otf",
}
_PROBE_PX = 24


def held_out(name: str, share: float) -> bool:
    """Whether a name belongs to the part that is never trained on; the same on every machine, for ever."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) < share * 2**32


_HELD_OUT_DESIGNS = 0.18
_SPLIT = "147"  # chosen so that sans, serif and mono are held out, but not the few designs that most screens show


@dataclass(frozen=True, slots=True)
class Face:
    path: str
    design: str
    mono: bool
    characters: frozenset[str]

    def prints(self, text: str) -> bool:
        return self.characters.issuperset(text)


class Font:
    """A face in one size, which measures text by adding up its characters.

    shaped: sets a word with its ligatures and kerning, and so a little narrower than measured.
    """

    def __init__(self, face: Face, size: int) -> None:
        self.face, self.size = face, size
        self.pil = _open(face.path, size)
        self.shaped = _open(face.path, size, ImageFont.Layout.RAQM)
        self._measures: dict[str, tuple[float, int, int]] = {}

    @cached_property
    def em(self) -> float:
        """The size that its letters seem to have: designs differ in how much of their nominal size they fill."""
        small, large = (-self.measure(letter)[1] for letter in "xH")
        return (small / 0.53 + large / 0.73) / 2

    def measure(self, character: str) -> tuple[float, int, int]:
        """(advance, top, bottom) of its ink against the baseline, downwards positive."""
        if character not in self._measures:
            _, top, _, bottom = self.pil.getbbox(character, anchor="ls")
            self._measures[character] = (self.pil.getlength(character), int(top), int(bottom))
        return self._measures[character]

    def width(self, text: str) -> float:
        return sum(self.measure(character)[0] for character in text)

    def ink(self, text: str) -> tuple[int, int]:
        """(top, bottom) against the baseline."""
        measures = [self.measure(character) for character in text]
        return min(m[1] for m in measures), max(m[2] for m in measures)


@lru_cache(1500)
def font(face: Face, size: int) -> Font:
    return Font(face, size)


def _open(path: str, size: int, layout: ImageFont.Layout = ImageFont.Layout.BASIC) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size, layout_engine=layout)


def find_faces() -> list[Face]:
    files = sorted(f for root in _ROOTS for f in root.rglob("*") if f.suffix in (".ttf", ".otf"))
    found = [(design, f) for design, pattern in _DESIGNS.items() for f in files if re.fullmatch(pattern, f.name)]
    return [face for design, f in found if len((face := _inspect(f, design)).characters) > 90]


def _inspect(path: Path, design: str) -> Face:
    """A character counts only if the font maps it to a glyph and that glyph leaves ink."""
    from fontTools.ttLib import TTFont

    with TTFont(path, lazy=True) as tables:
        mapped = tables.getBestCmap()
    pil = _open(str(path), _PROBE_PX)
    printed = {c for c in CHARACTERS if ord(c) in mapped and (c == " " or pil.getmask(c).getbbox() is not None)}
    mono = pil.getlength("i") == pil.getlength("W")
    return Face(str(path), design, mono, frozenset(printed))


def load_faces(work: Path, *, held: bool) -> tuple[Face, ...]:
    """The faces of the training part or of the held-out part, from DIR/fonts.json."""
    faces = [Face(**fields | {"characters": frozenset(fields["characters"])}) for fields in _listed(work)]
    return tuple(face for face in faces if held_out(f"{face.design} {_SPLIT}", _HELD_OUT_DESIGNS) == held)


@lru_cache(1)
def _listed(work: Path) -> list[dict]:
    return json.loads((work / "fonts.json").read_text(encoding="utf-8"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    work = parser.parse_args().work
    faces = find_faces()
    listed = [asdict(face) | {"characters": "".join(sorted(face.characters))} for face in faces]
    work.mkdir(parents=True, exist_ok=True)
    (work / "fonts.json").write_text(json.dumps(listed, ensure_ascii=False), encoding="utf-8")
    for held in (False, True):
        part = load_faces(work, held=held)
        print("held out" if held else "training", len(part), "files:", ", ".join(sorted({f.design for f in part})))


if __name__ == "__main__":
    main()
