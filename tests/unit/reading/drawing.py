"""Pages drawn with the font that comes with Pillow."""

from collections.abc import Iterable

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

INK, GROUND = (20, 20, 20), (250, 250, 250)


class Page:
    """A page to write on; positions are the left end of a line's baseline."""

    def __init__(self, width: int, height: int, ground: tuple[int, int, int] = GROUND) -> None:
        self.image = PIL.Image.new("RGB", (width, height), ground)
        self.draw = PIL.ImageDraw.Draw(self.image)

    def write(self, x: float, y: float, text: str, em_px: float = 16, ink: tuple[int, int, int] = INK) -> float:
        """The right end of the text."""
        font = PIL.ImageFont.load_default(em_px)
        self.draw.text((x, y), text, ink, font, anchor="ls")
        return x + font.getlength(text)

    def write_lines(self, x: float, y: float, lines: Iterable[str], em_px: float = 16, pitch: float = 1.3) -> None:
        for i, text in enumerate(lines):
            self.write(x, round(y + i * pitch * em_px), text, em_px)

    @property
    def pixels(self) -> np.ndarray:
        return np.asarray(self.image)
