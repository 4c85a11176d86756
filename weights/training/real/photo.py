"""A picture as a phone would have taken it of paper or of a screen, by ImageMagick."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Photo:
    """turn: in degrees. tilt: how much narrower the far edge is. shade: the darkest corner's light, 0 to 1.

    noise: its strength. quality: of the JPEG. percent: of the original's size.
    """

    turn: float
    tilt: float
    shade: float
    noise: float
    quality: int
    percent: int


def take(picture: Path, photo: Photo) -> bytes:
    size = subprocess.run(["identify", "-format", "%w %h", picture], check=True, capture_output=True).stdout
    width, height = (int(side) * photo.percent // 100 for side in size.split())
    far = width * photo.tilt / 2
    corners = f"0,0 {far},0 {width},0 {width - far},0 0,{height} 0,{height} {width},{height} {width},{height}"
    dark = f"gray({round(100 * photo.shade)}%)"
    command = [
        "convert", picture, "-resize", f"{photo.percent}%", "-bordercolor", "#8a7a68", "-border", "12",
        "-virtual-pixel", "Background", "-background", "#8a7a68", "-distort", "Perspective", corners,
        "-rotate", str(photo.turn), "+repage",
        "(", "+clone", "-sparse-color", "Barycentric", f"0,0 white %w,%h {dark}", ")",
        "-compose", "Multiply", "-composite", "-blur", "0x0.5",
        "-seed", "7", "-attenuate", str(photo.noise), "+noise", "Gaussian",
        "-quality", str(photo.quality), "jpeg:-",
    ]  # fmt: skip
    return subprocess.run(command, check=True, capture_output=True).stdout
