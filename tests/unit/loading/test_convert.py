import json
import os
import subprocess
import sys

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten

from mlxvision.errors import ModelFormatError, UsageError
from mlxvision.loading import convert as module
from mlxvision.loading.checkpoint import INDEX, Checkpoint
from mlxvision.loading.compare import logit_change
from mlxvision.loading.convert import convert
from mlxvision.loading.load import load_model
from mlxvision.loading.manifest import verify
from mlxvision_weights.recipes import find_recipe, recipes
from tests.unit.loading.toy import PROMPT, Checkpoints, register

KERNEL = "vision_model.patch_embedding.weight"
TOKENS = "language_model.embed_tokens"

CONVERT = """
import sys
from pathlib import Path
import pytest
from tests.unit.loading.toy import register
from mlxvision.loading.convert import convert

def held():
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return 1024 * int(fields["VmHWM"].split()[0])

with pytest.MonkeyPatch.context() as patch:
    register(patch)
    before = held()
    report = convert(Path(sys.argv[1]), Path(sys.argv[2]), name="toy")
    print(held() - before, report.peak_bytes >= held())
"""


@pytest.fixture
def checkpoints(tmp_path, monkeypatch):
    register(monkeypatch)
    return Checkpoints(tmp_path)


def weights(directory):
    """Every tensor as stored, by key."""
    return {k: v for file in sorted(directory.glob("*.safetensors")) for k, v in mx.load(str(file)).items()}


def expected(array, bits, group_size):
    return mx.quantize(mx.array(array), group_size, bits)


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 8])
@pytest.mark.parametrize("group_size", [32, 64])
def test_what_is_written_is_what_mlx_quantizes_and_loads_back(checkpoints, tmp_path, bits, group_size):
    arrays = checkpoints.arrays()
    source = checkpoints.write(shards={"model.safetensors": arrays})
    convert(source, tmp_path / "out", name="toy", bits=bits, group_size=group_size)
    net = load_model(tmp_path / "out", "toy").net.module
    layer = net.language_model.layers[0]
    assert (layer.bits, layer.group_size) == (bits, group_size)
    how = {"group_size": group_size, "bits": bits}
    for path, loaded in ((TOKENS, net.language_model.embed_tokens), ("language_model.layers.0", layer)):
        parts = [
            x.astype(mx.float32) if x.dtype == mx.float16 else x
            for x in expected(arrays[f"{path}.weight"], bits, group_size)
        ]
        ours = mx.dequantize(loaded.weight, loaded.scales, loaded.biases, **how)
        assert mx.array_equal(ours, mx.dequantize(*parts, **how))


def test_the_default_recipe_quantizes_the_decoder_and_keeps_everything_else_bit_for_bit(checkpoints, tmp_path):
    arrays = checkpoints.arrays()
    convert(checkpoints.write(shards={"model.safetensors": arrays}), tmp_path / "out", name="toy")
    written = weights(tmp_path / "out")
    quantized = {key.removesuffix(".scales") for key in written if key.endswith(".scales")}
    assert quantized == {
        TOKENS,
        "language_model.layers.0",
        "language_model.layers.1",
    }  # 48 columns of the head do not divide
    for key in arrays.keys() - {f"{path}.weight" for path in quantized}:
        assert mx.array_equal(written[key], mx.array(arrays[key]))


def test_all_4bit_quantizes_every_layer_and_table_that_divides(checkpoints, tmp_path):
    convert(checkpoints.write(), tmp_path / "out", name="toy", recipe="all-4bit")
    net = load_model(tmp_path / "out", "toy").net.module
    plain = {p for p, m in net.named_modules() if isinstance(m, nn.Linear | nn.Embedding)}
    assert plain == {"language_model.lm_head"}


def test_the_scales_keep_the_type_of_the_source(checkpoints, tmp_path):
    arrays = {key: x.astype(np.float32) for key, x in checkpoints.arrays().items()}
    convert(checkpoints.write(shards={"model.safetensors": arrays}), tmp_path / "out", name="toy")
    assert weights(tmp_path / "out")[f"{TOKENS}.scales"].dtype == mx.float32


def test_bfloat16_goes_through_unchanged(checkpoints, tmp_path):
    source = checkpoints.write()
    arrays = {key: x.astype(mx.bfloat16) for key, x in weights(source).items()}
    mx.save_safetensors(str(source / "model.safetensors"), arrays, {"format": "pt"})
    convert(source, tmp_path / "out", name="toy")
    written = weights(tmp_path / "out")
    assert mx.array_equal(written["language_model.norm.weight"], arrays["language_model.norm.weight"])
    for name, part in zip(("weight", "scales", "biases"), expected(arrays[f"{TOKENS}.weight"], 4, 64), strict=True):
        assert mx.array_equal(written[f"{TOKENS}.{name}"], part)


def test_pieces_of_any_size_give_the_same_files(checkpoints, tmp_path, monkeypatch):
    source = checkpoints.write()
    convert(source, tmp_path / "whole", name="toy")
    monkeypatch.setattr(module, "_CHUNK_BYTES", 300)
    convert(source, tmp_path / "pieces", name="toy")
    (file,) = (tmp_path / "whole").glob("*.safetensors")
    assert file.read_bytes() == (tmp_path / "pieces" / file.name).read_bytes()


def test_shards_stay_below_their_limit_and_the_index_names_them(checkpoints, tmp_path, monkeypatch):
    source = checkpoints.write()
    convert(source, tmp_path / "one", name="toy")
    monkeypatch.setattr(module, "SHARD_BYTES", 4000)
    convert(source, tmp_path / "many", name="toy")
    files = sorted(tmp_path.glob("many/*.safetensors"))
    assert len(files) > 3
    assert files[0].name == f"model-00001-of-{len(files):05}.safetensors"
    index = json.loads((tmp_path / "many" / INDEX).read_text(encoding="utf-8"))
    one, many = weights(tmp_path / "one"), weights(tmp_path / "many")
    assert index["weight_map"].keys() == one.keys() == many.keys()
    assert index["metadata"]["total_size"] == sum(x.nbytes for x in many.values())
    assert all(mx.array_equal(one[key], many[key]) for key in one)
    Checkpoint(tmp_path / "many")


@pytest.mark.parametrize("side", [2, 3])
def test_kernels_come_out_in_the_hub_order_whatever_the_order_of_the_source(checkpoints, tmp_path, side):
    arrays = checkpoints.arrays(side)
    moved = arrays | {KERNEL: np.moveaxis(arrays[KERNEL], 1, -1).copy()}
    hub = checkpoints.write("hub", {"model.safetensors": arrays}, {"format": "pt"}, side=side)
    mlx = checkpoints.write("mlx", {"model.safetensors": moved}, {"format": "mlx"}, side=side)
    for source in (hub, mlx):
        out = tmp_path / f"{source.name}-out"
        convert(source, out, name="toy")
        assert mx.array_equal(weights(out)[KERNEL], mx.array(arrays[KERNEL]))
        kernel = dict(tree_flatten(load_model(out, "toy").net.module.parameters()))[KERNEL]
        assert np.array_equal(np.array(kernel), np.moveaxis(arrays[KERNEL], 1, -1))


def test_the_names_of_other_layouts_become_the_hub_s(checkpoints, tmp_path):
    arrays = checkpoints.arrays()
    renamed = {key.replace("vision_model", "vision_tower"): x for key, x in arrays.items()}
    convert(checkpoints.write(shards={"model.safetensors": renamed}), tmp_path / "out", name="toy")
    assert arrays.keys() < weights(tmp_path / "out").keys()


def test_the_texts_travel_along_and_code_does_not(checkpoints, tmp_path):
    source = checkpoints.write(eos_token_id=[1, 2])
    travelling = ("tokenizer_config.json", "chat_template.jinja", "generation_config.json", "LICENSE.txt")
    for name in (*travelling, "modeling_toy.py", "pytorch_model.bin", "notes.md"):
        (source / name).write_text(name, encoding="utf-8")
    os.mkfifo(source / "merges.txt")
    convert(source, tmp_path / "out", name="owner/toy")
    config = json.loads((tmp_path / "out" / "config.json").read_text(encoding="utf-8"))
    assert config["quantization"] == config["quantization_config"] == {"bits": 4, "group_size": 64}
    assert config["eos_token_id"] == [1, 2]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *travelling,
        "README.md",
        "config.json",
        "manifest.json",
        "model-00001-of-00001.safetensors",
        INDEX,
        "preprocessor_config.json",
        "tokenizer.json",
    }


def test_the_card_names_source_recipe_and_size(checkpoints, tmp_path):
    report = convert(checkpoints.write(), tmp_path / "out", name="owner/toy", bits=8)
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert f"| owner/toy | default | 8 | 64 | {report.bits_per_weight:.2f} |" in card


def test_the_card_does_not_show_where_a_directory_lies(checkpoints, tmp_path):
    source = checkpoints.write("my-model")
    convert(source, tmp_path / "out", name=str(source))
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "my-model" in card
    assert str(tmp_path) not in card


def test_the_report_counts_the_bytes_of_tensors(checkpoints, tmp_path):
    arrays = checkpoints.arrays()
    report = convert(checkpoints.write(), tmp_path / "out", name="toy")
    assert report.bytes_in == sum(x.nbytes for x in arrays.values())
    assert report.bytes_out == sum(x.nbytes for x in weights(tmp_path / "out").values())
    assert report.bits_per_weight == 8 * report.bytes_out / sum(x.size for x in arrays.values())


@pytest.mark.skipif(sys.platform != "linux", reason="a process's own peak is told by /proc only")
def test_memory_does_not_grow_with_the_model(checkpoints, tmp_path):
    arrays = checkpoints.arrays()
    for key in (f"{TOKENS}.weight", "language_model.lm_head.weight"):
        arrays[key] = np.resize(arrays[key], (1_250_000, arrays[key].shape[1]))
    source = checkpoints.write(shards={"model.safetensors": arrays}, vocab=1_250_000)
    command = [sys.executable, "-c", CONVERT, str(source), str(tmp_path / "out")]
    growth, reported = subprocess.run(
        command, check=True, capture_output=True, text=True, encoding="utf-8"
    ).stdout.split()
    assert int(growth) < sum(x.nbytes for x in arrays.values()) / 3
    assert reported == "True"


def test_more_bits_change_the_logits_less(checkpoints, tmp_path):
    source = checkpoints.write()
    for bits in (4, 8):
        convert(source, tmp_path / str(bits), name="toy", bits=bits)
    four, eight = (logit_change(source, tmp_path / bits, PROMPT) for bits in ("4", "8"))
    assert 0 < eight.max_abs < four.max_abs
    assert 0 < eight.kl < four.kl
    same = logit_change(source, source, PROMPT)
    assert (same.max_abs, same.kl) == (0, 0)


def test_the_check_sees_what_quantizing_the_tower_does(checkpoints, tmp_path):
    source = checkpoints.write()
    for recipe in ("default", "all-4bit"):
        convert(source, tmp_path / recipe, name="toy", recipe=recipe)
    assert logit_change(tmp_path / "default", tmp_path / "all-4bit", PROMPT).max_abs > 0


@pytest.mark.parametrize(("bits", "group_size"), [(7, 64), (16, 64), (4, 48), (4, 0), (0, 64)])
def test_a_quantization_that_mlx_lacks_is_refused(checkpoints, tmp_path, bits, group_size):
    with pytest.raises(UsageError, match="no such quantization"):
        convert(checkpoints.write(), tmp_path / "out", name="toy", bits=bits, group_size=group_size)


def test_an_unknown_recipe_names_the_known_ones(checkpoints, tmp_path):
    with pytest.raises(UsageError, match=r"no such recipe: best\. Use one of: all-4bit, default"):
        convert(checkpoints.write(), tmp_path / "out", name="toy", recipe="best")


def test_a_quantized_model_is_not_quantized_again(checkpoints, tmp_path):
    convert(checkpoints.write(), tmp_path / "out", name="toy")
    with pytest.raises(UsageError, match=r"already quantized: .*\.scales"):
        convert(tmp_path / "out", tmp_path / "again", name="toy")


def test_a_directory_with_anything_in_it_is_not_written_to(checkpoints, tmp_path):
    source = checkpoints.write()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("precious", encoding="utf-8")
    for out in (tmp_path / "out", source, source / "config.json"):
        with pytest.raises(UsageError, match="is not empty"):
            convert(source, out, name="toy")
    assert (tmp_path / "out" / "mine").read_text(encoding="utf-8") == "precious"


def test_an_empty_directory_is_filled(checkpoints, tmp_path):
    (tmp_path / "out").mkdir()
    convert(checkpoints.write(), tmp_path / "out", name="toy")
    assert load_model(tmp_path / "out", "toy").name == "toy"


def test_a_conversion_that_fails_midway_leaves_nothing(checkpoints, tmp_path):
    arrays = checkpoints.arrays()
    arrays[f"{TOKENS}.weight"][7, 63] = np.nan
    source = checkpoints.write(shards={"model.safetensors": arrays})
    with pytest.raises(ModelFormatError, match=r"NaN or infinity in language_model\.embed_tokens\.weight"):
        convert(source, tmp_path / "out", name="toy")
    assert list(tmp_path.iterdir()) == [source]


def test_a_full_disk_is_noticed_before_the_first_byte(checkpoints, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    source = checkpoints.write()
    with pytest.raises(UsageError, match=r"not enough room on the disk: 0\.0 GB to write"):
        convert(source, tmp_path / "out", name="toy")
    assert list(tmp_path.iterdir()) == [source]


def test_every_recipe_says_what_it_is_about():
    assert [recipe.name for recipe in recipes()] == ["all-4bit", "default"]
    assert all(recipe.about.endswith(".") for recipe in recipes())
    assert find_recipe("default").keeps("vision_model.transformer.layers.0.mlp.fc1")
    assert not find_recipe("default").keeps("language_model.model.embed_tokens")


def test_one_flipped_bit_of_a_converted_model_is_found_but_its_card_may_be_edited(checkpoints, tmp_path):
    out = tmp_path / "out"
    convert(checkpoints.write(), out, name="toy")
    (out / "README.md").write_text("my own words", encoding="utf-8")
    assert verify(out) == []
    weights_file = next(out.glob("*.safetensors"))
    content = bytearray(weights_file.read_bytes())
    content[-1] ^= 1
    weights_file.write_bytes(content)
    assert verify(out) == [f"{weights_file.name}: content changed"]
