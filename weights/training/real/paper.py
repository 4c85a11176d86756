"""Pages as XeLaTeX and LibreOffice set them, by way of PDF, with the words where poppler finds them."""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from tempfile import TemporaryDirectory

from training.real.words import Word, in_rows

_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl"})
_XHTML = "{http://www.w3.org/1999/xhtml}"


def print_page(source: Path, dpi: int, columns_from: float) -> tuple[bytes, str]:
    """PNG and text of the first page, its margins cut. columns_from: the share of it above its two columns."""
    with TemporaryDirectory() as folder:
        if source.suffix == ".tex":
            command = ["xelatex", "-interaction=batchmode", "-halt-on-error", "-output-directory", folder, source]
        else:
            profile = f"-env:UserInstallation={Path(folder, 'profile').as_uri()}"
            convert = ["--infilter=HTML (StarWriter)", "--convert-to", "pdf:writer_pdf_Export", "--outdir", folder]
            command = ["soffice", "--headless", profile, *convert, source]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        page = Path(folder, source.with_suffix(".pdf").name)
        png = Path(folder, "page.png")
        subprocess.run(["pdftoppm", "-r", str(dpi), "-png", "-singlefile", page, png.with_suffix("")], check=True)
        margin = ["-bordercolor", "white", "-border", str(dpi // 4)]
        subprocess.run(["convert", png, "-trim", "+repage", *margin, png], check=True)
        return png.read_bytes(), _read(page, columns_from)


def _read(page: Path, columns_from: float) -> str:
    command = ["pdftotext", "-bbox-layout", "-l", "1", page, "-"]
    tree = ElementTree.fromstring(subprocess.run(command, check=True, capture_output=True).stdout)
    size = next(tree.iter(f"{_XHTML}page")).attrib
    centre, start = float(size["width"]) / 2, float(size["height"]) * columns_from
    head, left, right = [], [], []
    for word in map(_word, tree.iter(f"{_XHTML}word")):
        (head if word.middle < start else left if word.left < centre else right).append(word)
    return "\n".join(in_rows(part) for part in (head, left, right) if part)


def _word(element: ElementTree.Element) -> Word:
    left, top, right, bottom = (float(element.attrib[side]) for side in ("xMin", "yMin", "xMax", "yMax"))
    return Word((element.text or "").translate(_LIGATURES), left, top, right, bottom)
