"""The examples that need more than to be started; the agent's is started by tests/faces/clients."""

import csv
import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.fakes.installed import install

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(scope="module")
def receipts():
    spec = importlib.util.spec_from_file_location("receipts_to_csv", EXAMPLES / "receipts_to_csv.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_folder_of_receipts_becomes_a_table(run, tmp_path):
    folder = tmp_path / "receipts"
    folder.mkdir()
    shutil.copy(EXAMPLES / "total.png", folder)
    (folder / "notes.txt").write_text("no picture", encoding="utf-8")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    done = run(folder, python=(str(EXAMPLES / "receipts_to_csv.py"),))
    assert done.returncode == 0
    rows = list(csv.DictReader(done.stdout.decode().splitlines()))
    assert rows == [{"file": "total.png", "shop": "", "date": "", "total": "48.20"}]
    assert b"broken.png" in done.stderr


@pytest.mark.parametrize(
    ("text", "shop", "date", "total"),
    [
        (
            "\nGreen Market\n12.03.2026 10:41\nTea 2.50\nSubtotal 2.50\nTOTAL EUR 2.60",
            "Green Market",
            "12.03.2026",
            "2.60",
        ),
        ("2026-11-20\nCafé Nord\nTotal: 4,80", "Café Nord", "2026-11-20", "4,80"),
        ("Shop\nTotal 1,234.50", "Shop", "", "1,234.50"),
        ("Laden\nTotal CHF 12'345.60", "Laden", "", "12'345.60"),
        ("Bread 3.00", "", "", ""),
        ("", "", "", ""),
    ],
)
def test_shop_date_and_total_are_found(receipts, text, shop, date, total):
    assert receipts.row(text) == {"shop": shop, "date": date, "total": total}


def test_the_script_of_the_shortcut_reads_pictures(tmp_path):
    python = install(tmp_path / "environment")
    picture = tmp_path / "my total.png"
    shutil.copy(EXAMPLES / "total.png", picture)
    (script,) = re.findall(
        r"<!-- shortcut -->\n```bash\n(.*?)```", (EXAMPLES / "shortcut.md").read_text("utf-8"), re.DOTALL
    )
    variables = os.environ | {"MLXVISION": str(python.parent / "mlxvision")}
    command = ["bash", "-c", script, "bash", picture, picture]
    done = subprocess.run(command, capture_output=True, env=variables, timeout=120, check=False)
    assert (done.stdout, done.stderr, done.returncode) == (b"Total 48.20 EUR\n" * 2, b"", 0)
