"""Make the pictures and their truth again.

Usage: python -m training.real.make [NAME ...]      all, unless some are named; photos need their originals first
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

from training.real import paper, photo, terminal
from training.real.browser import open_browser

_HERE = Path(__file__).parent
_SOURCES = _HERE / "sources"


def main() -> None:
    made = tomllib.loads((_HERE / "pictures.toml").read_text(encoding="utf-8"))
    named = set(sys.argv[1:]) or {name for part in made.values() for name in part}
    with open_browser() as browser:
        for name, how in _chosen(made["browser"], named):
            _keep(name, *browser.shoot(_SOURCES / f"{name}.html", how["width"], how["scale"]))
    for name, how in _chosen(made["terminal"], named):
        _keep(name, *terminal.shoot(_SOURCES / f"{name}.txt", how["font"], how["size"], how["colours"]))
    for name, how in _chosen(made["paper"], named):
        _keep(name, *paper.print_page(_SOURCES / how["source"], how["dpi"], how["columns_from"]))
    for name, how in _chosen(made["photo"], named):
        original = how.pop("original")
        text = _truth(original).read_text(encoding="utf-8").rstrip("\n")
        _keep(name, photo.take(_image(original), photo.Photo(**how)), text)


def _chosen(made: dict[str, dict], named: set[str]) -> list[tuple[str, dict]]:
    return [(name, how) for name, how in made.items() if name in named]


def _image(name: str) -> Path:
    return _HERE / "images" / f"{name}.png"


def _truth(name: str) -> Path:
    return _HERE / "truth" / f"{name}.txt"


def _keep(name: str, picture: bytes, text: str) -> None:
    """A palette of 64 colours is far smaller than the picture and looks like it."""
    png = subprocess.run(["convert", "-", "png24:-"], input=picture, check=True, capture_output=True).stdout
    small = ["pngquant", "--nofs", "--strip", "--speed", "1", "64", "-"]
    _image(name).write_bytes(subprocess.run(small, input=png, check=True, capture_output=True).stdout)
    _truth(name).write_text(f"{text}\n", encoding="utf-8")
    print(name)


if __name__ == "__main__":
    main()
