"""reading.json: how a model that was trained on rows of text reads."""

import json

import pytest
from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split

from mlxvision.errors import ModelFormatError
from mlxvision.loading.checkpoint import Checkpoint
from mlxvision.loading.load import load_model
from mlxvision.types import Reading, Rows
from tests.unit.loading.toy import Checkpoints, register

GIVEN = {
    "requests": ["Read."],
    "sheet_request": "rows",
    "row_marks": list("abcdefghi"),
    "row_tokens": [1, 81],
    "transcript_chars": 1000,
    "look_px": 128,
    "look_request": "Look.",
    "find_request": "Find: ",
    "rows": {"canvas_px": 216, "row_px": 24, "em_px": 16},
}


def read(tmp_path, content):
    directory = Checkpoints(tmp_path).write()
    (directory / "reading.json").write_text(json.dumps(content), encoding="utf-8")
    return Checkpoint(directory).reading


def test_it_says_how_a_model_reads(tmp_path):
    assert read(tmp_path, GIVEN) == Reading(
        ("Read.",), "rows", tuple("abcdefghi"), (1, 81), 1000, 128, "Look.", "Find: ", Rows(216, 24, 16)
    )


def test_a_model_without_it_reads_no_rows(tmp_path):
    assert Checkpoint(Checkpoints(tmp_path).write()).reading is None


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"requests": None}, "requests"),
        ({"requests": "Read."}, "requests"),
        ({"requests": [1]}, "requests"),
        ({"requests": [""]}, "requests"),
        ({"sheet_request": 1}, "sheet_request"),
        ({"look_request": ""}, "look_request"),
        ({"find_request": 1}, "find_request"),
        ({"row_marks": list("abc")}, "row_marks"),
        ({"row_marks": "abcdefghi"}, "row_marks"),
        ({"row_marks": [""] * 9}, "row_marks"),
        ({"row_tokens": [1]}, "row_tokens"),
        ({"row_tokens": [1, 0]}, "row_tokens"),
        ({"row_tokens": [-1, 81]}, "row_tokens"),
        ({"row_tokens": [1, True]}, "row_tokens"),
        ({"rows": []}, "rows"),
        ({"rows": {"canvas_px": 216}}, "rows.row_px"),
        ({"rows": {"canvas_px": 1 << 20, "row_px": 24, "em_px": 16}}, "rows.canvas_px"),
        ({"rows": {"canvas_px": 216, "row_px": 300, "em_px": 16}}, "rows.row_px"),
        ({"rows": {"canvas_px": 216, "row_px": 24, "em_px": 25}}, "rows.em_px"),
        ({"rows": {"canvas_px": 216.5, "row_px": 24, "em_px": 16}}, "rows.canvas_px"),
        ({"transcript_chars": -1}, "transcript_chars"),
    ],
)
def test_nonsense_is_refused_with_its_key(tmp_path, change, key):
    with pytest.raises(ModelFormatError, match=rf"reading\.json.*: {key}"):
        read(tmp_path, GIVEN | change)


@pytest.mark.parametrize("key", GIVEN)
def test_a_missing_key_is_named(tmp_path, key):
    with pytest.raises(ModelFormatError, match=rf"reading\.json lacks a key: {key}"):
        read(tmp_path, {k: value for k, value in GIVEN.items() if k != key})


def test_marks_of_different_lengths_are_refused(tmp_path, monkeypatch):
    register(monkeypatch)
    directory = Checkpoints(tmp_path).write()
    (directory / "reading.json").write_text(json.dumps(GIVEN), encoding="utf-8")
    tokenizer = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.save(str(directory / "tokenizer.json"))
    assert load_model(directory, "toy").reading.row_marks == tuple("abcdefghi")
    (directory / "reading.json").write_text(json.dumps(GIVEN | {"row_marks": [*"abcdefgh", "ij"]}), encoding="utf-8")
    with pytest.raises(ModelFormatError, match=r"reading\.json has row_marks of different lengths"):
        load_model(directory, "toy")
