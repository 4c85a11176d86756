import json

import pytest

from mlxvision.families import find
from mlxvision.loading.resolve import Repository
from mlxvision_weights.registry import BUNDLED, Card, bundled_model, cards, find_card

every_card = pytest.mark.parametrize("card", cards(), ids=lambda card: card.name)


def test_the_smallest_card_is_the_bundled_model_and_the_only_one_without_a_repository():
    assert cards()[0].name == BUNDLED
    assert [card.name for card in cards() if card.repo is None] == [BUNDLED]


def test_cards_come_in_the_order_of_their_size():
    sizes = [card.computed_bytes for card in cards()]
    assert sizes == sorted(sizes)


@every_card
def test_a_card_is_found_by_its_name(card):
    assert find_card(card.name) is card


def test_an_unknown_name_has_no_card():
    assert find_card("no-such-card") is None


@every_card
def test_a_card_names_a_family_we_have(card):
    assert find(card.family).name == card.family


@every_card
def test_a_card_names_a_repository_that_can_be_pulled(card):
    if card.repo is not None:
        assert str(Repository.parse(card.repo)) == card.repo


@pytest.mark.parametrize(("bits", "size"), [(16, 2_000_000), (8, 1_062_500), (4, 562_500)])
def test_a_card_computes_its_bytes_from_parameters_and_bits(bits, size):
    assert Card("toy", "", "", "", bits, 1_000_000).computed_bytes == size


def test_the_card_of_the_bundled_model_tells_the_truth():
    directory = bundled_model()
    card = find_card(BUNDLED)
    config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    assert card.family == config["model_type"]
    assert card.bits == config.get("quantization", {"bits": 16})["bits"]
    assert sum(path.stat().st_size for path in directory.glob("*.safetensors")) < 2 * card.computed_bytes
