"""From a picture to rows in one size, of text or of figures: what a small model can read of a page of any size."""

from mlxvision.reading.figures import Figure, find_figures, split_runs
from mlxvision.reading.lines import TextLine, find_lines
from mlxvision.reading.listing import captions, list_figures
from mlxvision.reading.overview import overview
from mlxvision.reading.sheets import Sheet, lay_out, lay_out_figures

__all__ = [
    "Figure",
    "Sheet",
    "TextLine",
    "captions",
    "find_figures",
    "find_lines",
    "lay_out",
    "lay_out_figures",
    "list_figures",
    "overview",
    "split_runs",
]
