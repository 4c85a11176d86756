"""What the bundled model is trained on, as the trainer sees it."""

from itertools import pairwise
from random import Random

import numpy as np
import pytest

from training.nano.asking import FIND_REQUEST, LOOK_REQUEST, ask
from training.nano.characters import ROW_MARKS, conversation, decode
from training.nano.cutting import cut_figures
from training.nano.few import FewWords, pillows_face
from training.nano.finding import NOTHING
from training.nano.mixture import collate
from training.nano.model import GRID, PATCH
from training.nano.rows import stack
from training.nano.sample import Sample, Source


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return Source((pillows_face(tmp_path_factory.mktemp("fonts")),), FewWords(), 0.0)


def test_every_picture_is_looked_at_before_it_is_asked_about(source: Source) -> None:
    for seed in range(40):
        sample = ask(Random(seed), source, (12, 12))
        (told, seen), *asked = sample.turns
        assert told.endswith(LOOK_REQUEST) and seen and asked


def test_the_figures_of_a_scene_are_told_as_the_engine_tells_them(source: Source) -> None:
    scenes = [turns for seed in range(40) if "scene on" in (turns := ask(Random(seed), source, (12, 12)).turns)[0][1]]
    assert scenes
    for (told, seen), *_ in scenes:
        *figures, count = told.split("\n\n")[-2].splitlines()
        number = int(seen.splitlines()[0].removeprefix("number: "))
        assert count == f"figures: {number}" and len(figures) >= number


def test_what_is_quoted_before_an_answer_stands_in_what_was_said(source: Source) -> None:
    quoted = 0
    for seed in range(60):
        (told, seen), *asked = ask(Random(seed), source, (6, 12)).turns
        for (finding, quotation), (question, answer) in pairwise(asked):
            if finding.startswith(FIND_REQUEST):
                assert question == finding.removeprefix(FIND_REQUEST) and not answer.startswith(FIND_REQUEST)
                tails = (quotation[n:] for n in range(len(quotation) - 1))
                assert quotation.endswith(NOTHING) or any(tail in f"{told}\n{seen}" for tail in tails)
                quoted += not quotation.endswith(NOTHING)
    assert quoted > 100


def test_a_row_with_a_figure_says_its_colour_and_its_shape(source: Source) -> None:
    rows = cut_figures(Random(3), source)
    batch = collate("figures", [stack(rows[:1], 1, GRID * PATCH)])
    (answer,) = (decode(ids.tolist()) for ids in batch.ids)
    assert answer.endswith(ROW_MARKS[0] + rows[0].text)
    looked = batch.there[batch.labels >= 0][:-1]
    assert looked.min() == looked.max() == GRID + int(rows[0].centres[0]) // PATCH
    known = batch.dense[0][batch.dense[0][:, 0] > 0]
    assert known.shape == (1, 2)


def test_an_entry_s_name_is_known_to_stand_in_the_text() -> None:
    turns = (("Green tea 4.20\n\nLook.", "1 Green tea\n1 receipt"), ("price?", "4.20"))
    ids, _ = conversation(turns)
    batch = collate("questions", [Sample(np.zeros((PATCH, PATCH, 3), np.uint8), turns)])
    said = [decode([ids[at]]) for at in batch.source[0, :, 0].tolist() if at >= 0]
    assert "".join(said) == "Green tea" + "4.20"


def test_the_first_character_of_an_answer_weighs_more_and_what_is_counted_less() -> None:
    turns = (("Tea 2\n\nLook.", "1 Tea\n1 receipt"), ("price?", "42"))
    batch = collate("questions", [Sample(np.zeros((PATCH, PATCH, 3), np.uint8), turns)])
    weight = batch.weight[batch.labels >= 0].tolist()
    assert weight[0] < weight[-1] < weight[-3]


def test_recall_is_shown_where_the_tail_of_a_quotation_and_an_answer_stand() -> None:
    turns = (("Tea 3.00\nLook.", "1 receipt"), ("Find: tea?", "tea 3.00"), ("tea?", "3.00"))
    batch = collate("questions", [Sample(np.zeros((PATCH, PATCH, 3), np.uint8), turns)])
    ids, labels, source = (x[0].tolist() for x in (batch.ids, batch.labels, batch.source))
    shown = [
        (decode([label]), decode([ids[places[0]]]))
        for label, places in zip(labels, source, strict=True)
        if places[0] >= 0
    ]
    assert "".join(label for label, _ in shown) == "ea 3.003.00"
    assert all(label == said for label, said in shown)
