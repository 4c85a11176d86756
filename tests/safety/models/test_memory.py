"""What does not fit is refused with the figures, before any of it is allocated."""

import json
import time
import tracemalloc
from pathlib import Path

import mlx.core as mx
import pytest
from mlx.utils import tree_flatten

import mlxvision
from mlxvision.engine import Engine, Session
from mlxvision.errors import OutOfMemoryError
from mlxvision.families import find
from mlxvision.loading import memory
from mlxvision.loading.checkpoint import Checkpoint
from mlxvision.loading.header import encode_header
from mlxvision.loading.memory import CONTEXT_TOKENS, check_request, estimate
from mlxvision.types import Message, Request, Sampling
from tests.fakes.checkpoints import PREPROCESSOR, TEXT, VISION
from tests.fakes.toy import picture, scripted
from tests.safety.corpus.model_files import WEIGHTS
from tests.safety.corpus.models import write_base

_GB = 1e9
PICTURE = picture(90, 60, 30)

CONFIG_90B = {
    "model_type": "mllama",
    "image_token_index": 128256,
    "text_config": TEXT
    | {
        "cross_attention_layers": list(range(3, 100, 5)),
        "hidden_size": 8192,
        "intermediate_size": 28672,
        "max_position_embeddings": 131072,
        "num_attention_heads": 64,
        "num_hidden_layers": 100,
        "num_key_value_heads": 8,
        "vocab_size": 128256,
    },
    "vision_config": VISION
    | {
        "attention_heads": 16,
        "hidden_size": 1280,
        "image_size": 560,
        "intermediate_layers_indices": [3, 7, 15, 23, 30],
        "intermediate_size": 5120,
        "num_global_layers": 8,
        "num_hidden_layers": 32,
        "vision_output_dim": 7680,
    },
}
"""The sizes of Llama 3.2 Vision with 90 billion parameters."""


@pytest.fixture
def sparse_90b(tmp_path: Path) -> Path:
    """A model of 177 GB that takes no place on the disk."""
    directory, preprocessor = tmp_path / "90b", PREPROCESSOR | {"size": {"height": 560, "width": 560}}
    write_base("mllama", directory)
    (directory / "config.json").write_text(json.dumps(CONFIG_90B), encoding="utf-8")
    (directory / "preprocessor_config.json").write_text(json.dumps(preprocessor), encoding="utf-8")
    family = find("mllama")
    net = family.build(family.read_config(CONFIG_90B, preprocessor))
    shapes = {path: ("BF16", x.shape) for path, x in tree_flatten(net.parameters())}
    head, infos = encode_header(shapes, {"format": "mlx"})
    with (directory / WEIGHTS).open("wb") as file:
        file.write(head)
        file.truncate(max(info.stop for info in infos.values()))
    return directory


@pytest.mark.parametrize("low_memory", ["auto", "on", "off"])
def test_a_model_of_90_billion_parameters_is_refused_before_anything_is_read(sparse_90b, monkeypatch, low_memory):
    assert (sparse_90b / WEIGHTS).stat().st_size > 170 * _GB
    monkeypatch.setattr(memory, "available_bytes", lambda: int(64 * _GB))
    mx.reset_peak_memory()
    tracemalloc.start()
    began = time.perf_counter()
    with pytest.raises(OutOfMemoryError) as caught:
        mlxvision.load(sparse_90b, low_memory=low_memory)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.perf_counter() - began < 20
    assert peak_bytes < 100_000_000 and mx.get_peak_memory() < 100_000_000
    weights = estimate((tensor.info for tensor in Checkpoint(sparse_90b).tensors.values()), 0).weights_bytes
    assert low_memory == "off" or weights < 4.1 * 90e9
    assert "where 64.0 GB can be used" in str(caught.value)
    if low_memory == "off":
        assert f"{weights / _GB:.1f} GB of weights" in str(caught.value)


@pytest.mark.parametrize("base", ["mllama", "qwen2_vl", "qwen2_5_vl", "nano"])
def test_a_model_and_a_request_must_fit_together(tmp_path, monkeypatch, base):
    write_base(base, tmp_path / base)
    checkpoint = Checkpoint(tmp_path / base)
    family = find(checkpoint.model_type)
    config = family.read_config(checkpoint.config, checkpoint.preprocessor)
    request = family.request_bytes(config, 1, min(CONTEXT_TOKENS, family.context_length(config)))
    needed = estimate((tensor.info for tensor in checkpoint.tensors.values()), request)
    enough = needed.weights_bytes + needed.request_bytes
    monkeypatch.setattr(memory, "available_bytes", lambda: enough - 1)
    with pytest.raises(OutOfMemoryError, match=r"GB of weights and .* GB for one request, where .* GB can be used"):
        mlxvision.load(tmp_path / base, low_memory="off")
    monkeypatch.setattr(memory, "available_bytes", lambda: enough)
    assert mlxvision.load(tmp_path / base, low_memory="off").name


def test_pictures_of_the_largest_size_that_a_config_allows_count(tmp_path, monkeypatch):
    directory = tmp_path / "qwen2_vl"
    write_base("qwen2_vl", directory)
    monkeypatch.setattr(memory, "available_bytes", lambda: int(_GB / 10))
    assert mlxvision.load(directory).name
    stated = json.loads((directory / "preprocessor_config.json").read_text(encoding="utf-8"))
    (directory / "preprocessor_config.json").write_text(json.dumps(stated | {"max_pixels": 1 << 24}), encoding="utf-8")
    with pytest.raises(OutOfMemoryError, match=r"GB for one request, where 0\.1 GB can be used"):
        mlxvision.load(directory)


def bytes_of(model, n_text, n_images):
    """What such a request to a toy adds to its caches, in the floats of this machine."""
    return estimate((), model.family.request_bytes(model.config, n_images, n_text)).request_bytes


def test_a_request_that_does_not_fit_is_refused_before_the_decoder_begins(monkeypatch):
    model, sampling = scripted("ok"), Sampling(max_tokens=50)
    asked = [Message("user", (PICTURE, "x" * 100))]
    n_prompt = len(model.family.render(asked, model.tokenizer, model.config))
    needed = bytes_of(model, n_prompt + 50, 1)
    monkeypatch.setattr(memory, "available_bytes", lambda: needed - 1)
    with pytest.raises(OutOfMemoryError, match=rf"for {n_prompt + 50} tokens of text and \d+ of images, where .* left"):
        mlxvision.generate(model, "x" * 100, [PICTURE], sampling=sampling)
    assert model.net.log.lengths == []
    assert mlxvision.generate(model, "x", sampling=sampling).text == "ok"
    monkeypatch.setattr(memory, "available_bytes", lambda: needed)
    assert mlxvision.generate(model, "x" * 100, [PICTURE], sampling=sampling).text == "ok"


def test_of_a_conversation_only_what_is_new_is_counted(monkeypatch):
    model, sampling = scripted("ok"), Sampling(max_tokens=5)
    session = Session(Engine(), model)
    session.ask("x" * 500, sampling=sampling)
    monkeypatch.setattr(memory, "available_bytes", lambda: bytes_of(model, 100, 0))
    assert session.ask("and?", sampling=sampling).text == "ok"
    with pytest.raises(OutOfMemoryError):
        session.ask("x" * 100, sampling=sampling)


def test_in_a_batch_only_the_request_that_does_not_fit_is_refused(monkeypatch):
    model = scripted("ok")
    requests = [Request((Message("user", (text,)),), Sampling(max_tokens=5)) for text in ("a", "x" * 900, "b")]
    monkeypatch.setattr(memory, "available_bytes", lambda: bytes_of(model, 100, 0))
    results = dict(Engine().batch(model, [lambda r=request: r for request in requests]))
    assert isinstance(results[1], OutOfMemoryError)
    assert [results[0].text, results[2].text] == ["ok", "ok"]


def test_images_count_as_large_as_they_can_be_or_as_they_are_whichever_is_less(monkeypatch):
    model = scripted("ok")
    for n_tokens, n_bytes in [(1, bytes_of(model, 11, 0)), (1000, bytes_of(model, 10, 1))]:
        monkeypatch.setattr(memory, "available_bytes", lambda n=n_bytes: n)
        check_request(model, 8, 2, [n_tokens])
        monkeypatch.setattr(memory, "available_bytes", lambda n=n_bytes: n - 1)
        with pytest.raises(OutOfMemoryError):
            check_request(model, 8, 2, [n_tokens])


def test_no_more_tokens_are_counted_than_the_context_holds(monkeypatch):
    model = scripted("ok", context_length=60)
    monkeypatch.setattr(memory, "available_bytes", lambda: bytes_of(model, 60, 0))
    assert mlxvision.generate(model, "x", sampling=Sampling(max_tokens=10**6)).text == "ok"
