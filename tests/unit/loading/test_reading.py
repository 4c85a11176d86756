"""reading.json: how a model that was trained on rows of text reads."""

import json

import pytest

from mlxvision.errors import ModelFormatError
from mlxvision.loading.checkpoint import Checkpoint
from mlxvision.types import Reading, Rows
from tests.unit.loading.toy import Checkpoints

GIVEN = {
    "requests": ["Read."],
    "sheet_request": "rows",
    "row_marks": list("abcdefghi"),
    "row_tokens": [1, 81],
    "transcript_chars": 1000,
    "rows": {"canvas_px": 216, "row_px": 24, "em_px": 16},
}


def read(tmp_path, content):
    directory = Checkpoints(tmp_path).write()
    (directory / "reading.json").write_text(json.dumps(content))
    return Checkpoint(directory).reading


def test_it_says_how_a_model_reads(tmp_path):
    assert read(tmp_path, GIVEN) == Reading(("Read.",), "rows", tuple("abcdefghi"), (1, 81), 1000, Rows(216, 24, 16))


def test_a_model_without_it_reads_no_rows(tmp_path):
    assert Checkpoint(Checkpoints(tmp_path).write()).reading is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"requests": None}, "not as it should be"),
        ({"requests": [1]}, "no text"),
        ({"sheet_request": 1}, "no text"),
        ({"row_marks": list("abc")}, "too few"),
        ({"row_marks": [""] * 9}, "no text"),
        ({"row_tokens": [1]}, "not as it should be"),
        ({"row_tokens": [1, 0]}, "implausible"),
        ({"row_tokens": [-1, 81]}, "implausible"),
        ({"rows": {"canvas_px": 216}}, "not as it should be"),
        ({"rows": {"canvas_px": 216, "row_px": 300, "em_px": 16}}, "implausible"),
        ({"rows": {"canvas_px": 216.5, "row_px": 24, "em_px": 16}}, "implausible"),
        ({"transcript_chars": -1}, "implausible"),
    ],
)
def test_nonsense_is_refused(tmp_path, change, said):
    with pytest.raises(ModelFormatError, match=said):
        read(tmp_path, GIVEN | change)


def test_a_missing_key_is_refused(tmp_path):
    with pytest.raises(ModelFormatError, match="not as it should be"):
        read(tmp_path, {key: value for key, value in GIVEN.items() if key != "rows"})
