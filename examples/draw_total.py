"""Draws total.png, the picture of the other example."""

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

picture = Image.new("RGB", (224, 24), "white")
ImageDraw.Draw(picture).text((6, 3), "Total 48.20 EUR", fill="black", font=ImageFont.load_default(16))
picture.save(Path(__file__).with_name("total.png"))
