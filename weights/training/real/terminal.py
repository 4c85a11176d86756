"""What a terminal shows: xterm under Xvfb prints a text and is photographed from within."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

_ESCAPE = re.compile(r"\\e(\[[0-9;]*m)")
"""In the sources a colour is written as in a shell: `\\e[1;32m`."""


def shoot(source: Path, font: str, size: float, colours: tuple[str, str]) -> tuple[bytes, str]:
    """PNG and text. size: in points. colours: of ink and ground."""
    printed = source.read_text(encoding="utf-8").rstrip("\n")
    text = _ESCAPE.sub("", printed)
    lines = text.splitlines()
    with TemporaryDirectory() as folder:
        output, picture = Path(folder, "output"), Path(folder, "picture.png")
        output.write_text("\x1b[?25l" + _ESCAPE.sub("\x1b\\1", printed), encoding="utf-8")  # the cursor is hidden
        look = ["-u8", "-fa", font, "-fs", str(size), "-fg", colours[0], "-bg", colours[1], "-b", "8", "+sb"]
        geometry = ["-geometry", f"{max(map(len, lines)) + 1}x{len(lines)}+0+0"]
        show = f"cat {output}; sleep 1; import -window $WINDOWID {picture}"
        xvfb = ["xvfb-run", "-a", "-s", "-screen 0 2000x1400x24"]
        subprocess.run([*xvfb, "xterm", *look, *geometry, "-e", "sh", "-c", show], check=True)
        return picture.read_bytes(), "\n".join(" ".join(line.split()) for line in lines if line.strip())
