"""From a picture to rows of text in one size: what a small model can read of a page of any size."""

from mlxvision.reading.lines import TextLine, find_lines
from mlxvision.reading.overview import overview
from mlxvision.reading.sheets import Sheet, lay_out

__all__ = ["Sheet", "TextLine", "find_lines", "lay_out", "overview"]
