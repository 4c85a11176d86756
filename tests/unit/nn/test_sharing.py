"""Two processes that share a decoder say what one says."""

import json
from types import SimpleNamespace

import mlx.core as mx
import mlx.nn as nn
import pytest
from mlx.utils import tree_flatten

from mlxvision.errors import UsageError
from mlxvision.nn.decoder import MLP, Attention, share_out
from mlxvision.nn.sharing import launched, shares_of
from tests.fakes.machines import run
from tests.fakes.shared import KINDS, make, say_all

FAMILIES = ["mllama", "qwen2_vl", "qwen3_vl"]


@pytest.fixture(scope="module")
def alone():
    return say_all(None)


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """What each of two says."""
    done = run(2, tmp_path_factory.mktemp("two"), "-m", "tests.fakes.shared")
    assert [one.returncode for one in done] == [0, 0], done
    return [json.loads(one.stdout) for one in done]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", FAMILIES)
def test_two_that_share_a_decoder_say_what_one_says(alone, together, family, kind):
    tokens, logits = alone[f"{family}, {kind}"]
    assert len(set(tokens)) > 12
    for one in together:
        assert one[f"{family}, {kind}"][0] == tokens
        assert one[f"{family}, {kind}"][1] == pytest.approx(logits, rel=1e-4, abs=1e-4)


def test_both_have_the_same_logits_to_the_last_bit(together):
    assert together[0] == together[1]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_projection_of_a_decoder_is_shared(family):
    family, _, net = make(family)
    share_out(net, mx.distributed.init())
    decoder = {path for path, _ in tree_flatten(net.parameters()) if not family.is_tower(path)}
    projections = {path for path in decoder if path.endswith("_proj.weight")}
    assert projections and projections <= shares_of(net).keys()


def group(n):
    return SimpleNamespace(size=lambda: n, rank=lambda: 0)


@pytest.mark.parametrize(
    ("module", "n", "what"),
    [
        (Attention(48, 8, 6, 2), 3, "key-value heads"),
        (Attention(48, 8, 6, 3), 4, "the heads"),
        (MLP(8, 10), 4, "rows"),
    ],
)
def test_what_cannot_be_shared_evenly_is_refused(module, n, what):
    with pytest.raises(UsageError, match=f"{n} machines cannot share.*{what}.*a number of machines that divides it"):
        module.share(group(n))


def test_weights_with_a_scale_in_common_are_not_parted():
    mlp = MLP(32, 64)
    nn.quantize(mlp, 64, 4, class_predicate=lambda path, _: path == "down_proj")
    with pytest.raises(UsageError, match="groups of them"):
        mlp.share(group(2))


def test_one_that_was_started_alone_shares_with_nobody():
    assert launched() is None
