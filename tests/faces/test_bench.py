"""What a Mac owner is told of a model on his machine."""

import json

import pytest

from mlxvision.cli.bench import BANDWIDTHS_GB_S


def test_bench_measures_and_predicts(run, model):
    done = run("bench", "--model", model, "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    report = json.loads(done.stdout)
    assert list(report) == ["machine", "model", "measured", "predicted"]
    assert report["model"]["family"] == "mllama"
    assert all(value > 0 for value in report["measured"].values())
    assert report["measured"]["image_bytes"] == 2 * 1 * 2 * 4 * 5 * 8 * 4  # K and V, layer, heads, tiles, patches, E
    assert report["measured"]["second_question_ratio"] < 1
    predicted = report["predicted"]
    assert predicted["most_tokens_per_s"].keys() == BANDWIDTHS_GB_S.keys()
    for chip, tokens_per_s in predicted["most_tokens_per_s"].items():
        assert tokens_per_s * predicted["bytes_per_token"] == pytest.approx(BANDWIDTHS_GB_S[chip] * 1e9, rel=1e-2)


def test_a_token_costs_the_decoder_and_the_head_in_16_bits_and_the_image(run, model):
    """Of the tiny model: three layers of which one sees the image, and the head; no table, no tower."""
    D, F, E, H, KV, V = 32, 64, 8, 4, 2, 106
    queries, keys, mlp, norms = 2 * D * H * E, 2 * D * KV * E, 3 * D * F, 2 * D
    text_layer, cross_layer = queries + keys + mlp + norms, queries + mlp + norms + E + 2
    report = json.loads(run("bench", "--model", model, "--json").stdout)
    weights = 2 * (2 * text_layer + cross_layer + D + V * D)
    assert report["predicted"]["bytes_per_token"] == weights + report["measured"]["image_bytes"] / 2


def test_the_table_says_what_is_measured_and_what_is_predicted(run, model):
    done = run("bench", "--model", model)
    measured, predicted = done.stdout.decode().split("\n\n")
    assert [line.split("  ")[0] for line in measured.splitlines()] == [
        "machine",
        "model",
        "vision",
        "kept of the image",
        "prefill",
        "decode",
        "second question",
        "peak memory",
    ]
    title, *chips = predicted.splitlines()
    assert title.startswith("Predicted, not measured: ")
    assert [line.split("  ")[0] for line in chips] == list(BANDWIDTHS_GB_S)
