"""Reads a folder of receipts into a table: python receipts_to_csv.py [FOLDER] > receipts.csv

One row for each picture: file, shop (the first line that is neither a date nor an amount), date, total.
"""

import csv
import re
import sys
from pathlib import Path

from mlxvision import MLXVisionError, Sampling, generate, load

PICTURES = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".avif"}
DATE = re.compile(r"\b(\d{4}-\d\d-\d\d|\d{1,2}[./]\d{1,2}[./]\d{2,4})\b")
AMOUNT = re.compile(r"\d+(?:[.,']\d{3})*[.,]\d\d\b")
TOTAL = re.compile(rf"^\W*(?:grand )?total\b.*?({AMOUNT.pattern})", re.IGNORECASE | re.MULTILINE)


def row(text: str) -> dict[str, str]:
    names = [line.strip() for line in text.splitlines() if line.strip() and not DATE.search(line)]
    date, totals = DATE.search(text), TOTAL.findall(text)
    return {
        "shop": next((name for name in names if not AMOUNT.search(name)), ""),
        "date": date[0] if date else "",
        "total": totals[-1] if totals else "",
    }


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    table = csv.DictWriter(sys.stdout, ["file", "shop", "date", "total"], lineterminator="\n")
    table.writeheader()
    model = load()
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in PICTURES:
            continue
        try:
            answer = generate(model, "Read the text.", images=[path], sampling=Sampling(max_tokens=1024))
        except MLXVisionError as error:
            print(error, file=sys.stderr)
            continue
        table.writerow({"file": path.name, **row(answer.text)})


if __name__ == "__main__":
    main()
