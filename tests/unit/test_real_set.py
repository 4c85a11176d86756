import tomllib
from pathlib import Path

import pytest

from training.nano.characters import CHARACTERS

_REAL = Path(__file__).parents[2] / "weights/training/real"
_IMAGES = sorted((_REAL / "images").glob("*.png"))
_TRUTHS = sorted((_REAL / "truth").glob("*.txt"))


def test_every_image_has_its_truth_and_reverse():
    assert [image.stem for image in _IMAGES] == [truth.stem for truth in _TRUTHS]
    assert len(_IMAGES) >= 44


def test_the_images_stay_small():
    assert sum(image.stat().st_size for image in _IMAGES) < 3e6


@pytest.mark.parametrize("truth", _TRUTHS, ids=lambda truth: truth.stem)
def test_a_truth_is_what_the_model_can_write(truth):
    text = truth.read_text(encoding="utf-8")
    assert set(text) <= {*CHARACTERS, "\n"}
    assert text.endswith("\n")
    for line in text[:-1].split("\n"):
        assert line
        assert line == " ".join(line.split())


def test_questions_are_about_images_of_the_set_and_answers_stand_in_them():
    asked = tomllib.loads((_REAL / "truth/questions.toml").read_text(encoding="utf-8"))
    for name, answers in asked.items():
        text = (_REAL / f"truth/{name}.txt").read_text(encoding="utf-8")
        assert all(answer in text or answer.startswith("There is no ") for answer in answers.values()), name
