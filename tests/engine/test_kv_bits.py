"""The bundled model with text remembered in 8 bits."""

from pathlib import Path

import mlx.core as mx
import pytest

from mlxvision.engine import Engine
from mlxvision.engine.worker import shared_worker
from mlxvision.images import open_image
from mlxvision.loading.stored import StoredNet
from mlxvision.types import Message, Request

PICTURES = Path(__file__).parents[2] / "weights" / "training" / "real" / "images"


@pytest.fixture(scope="module")
def models():
    return [Engine().load(kv_bits=bits) for bits in (None, 8)]


@pytest.fixture
def encoded_once(monkeypatch):
    """Both models have the same tower, which takes most of the time."""
    encoded, encode = {}, StoredNet.encode

    def once(net, image, each_step):
        key = image.canvas.tobytes()
        encoded[key] = encoded.get(key) or encode(net, image, each_step)
        return encoded[key]

    monkeypatch.setattr(StoredNet, "encode", once)


@pytest.mark.usefixtures("encoded_once")
@pytest.mark.parametrize("name", ["dialog-delete", "login-dark"])
def test_what_is_read_in_pictures_of_other_programs_is_the_same(models, name):
    request = Request((Message("user", (open_image(PICTURES / f"{name}.png"), "Read the text.")),))
    plain, lean = ([token.id for token in Engine().stream(m, request).result().tokens] for m in models)
    assert plain == lean
    assert len(plain) > 100


def test_a_conversation_takes_less_memory(models):
    def kept_bytes(model):
        cache = model.net.make_cache()
        tokens = model.tokenizer.encode("a" * 256)
        model.net.hidden(mx.array([tokens]), cache)
        return sum(x.nbytes for x in cache.arrays)

    plain, lean = (shared_worker().submit(lambda m=m: kept_bytes(m)).result() for m in models)
    assert lean == pytest.approx(plain * 10 / 32, rel=0.01)


def test_a_request_is_known_to_take_less(models):
    plain, lean = ([m.family.request_bytes(m.config, 1, n) for n in (0, 1000)] for m in models)
    assert lean[0] == plain[0]
    assert lean[1] - lean[0] == (plain[1] - plain[0]) * 9 / 16


def test_answers_are_not_taken_for_those_of_the_whole_model(models):
    plain, lean = models
    assert lean.revision == f"{plain.revision}-kv8"
