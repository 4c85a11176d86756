import json

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten

from mlxvision.errors import ModelFormatError, UnsupportedModelError, UsageError
from mlxvision.loading import arrays as arrays_module
from mlxvision.loading import memory
from mlxvision.loading.load import load_model
from tests.unit.loading.toy import Checkpoints, register

KERNEL = "vision_model.patch_embedding.weight"
HEAD = "language_model.lm_head"
FIRST = "language_model.layers.0"


@pytest.fixture
def checkpoints(tmp_path, monkeypatch):
    register(monkeypatch)
    return Checkpoints(tmp_path)


def parameters(directory):
    return dict(tree_flatten(load_model(directory, "toy").net.module.parameters()))


def quantized(array, **how):
    """The parts of a quantized weight as numpy arrays, float16 where they are floats."""
    parts = mx.quantize(mx.array(array), **how)
    return dict(zip(("weight", "scales", "biases"), map(np.array, parts), strict=False))


def dequantized(parts, **how):
    exact = [mx.array(x.astype(np.float32) if x.dtype == np.float16 else x) for x in parts.values()]
    return np.array(mx.dequantize(*exact, **how).astype(mx.float32))


def with_quantized(arrays, path, **how):
    parts = quantized(arrays[f"{path}.weight"], **how)
    return arrays | {f"{path}.{name}": part for name, part in parts.items()}


def test_every_tensor_arrives_with_its_values(checkpoints):
    arrays = checkpoints.arrays()
    loaded = parameters(checkpoints.write(shards={"model.safetensors": arrays}))
    assert loaded.keys() == arrays.keys()
    for path, x in arrays.items():
        expected = np.moveaxis(x, 1, -1) if path == KERNEL else x
        np.testing.assert_array_equal(np.array(loaded[path]), expected)


@pytest.mark.parametrize("limit", ["min", "max"])
def test_limits_of_pixels_are_refused_by_a_model_that_has_none(checkpoints, limit):
    with pytest.raises(UsageError, match=rf"fixed sizes.*Leave --{limit}-pixels out"):
        load_model(checkpoints.write(), "toy", **{f"{limit}_pixels": 1000})


def test_without_metal_floats_become_float32(checkpoints, monkeypatch):
    directory = checkpoints.write()
    for module in (arrays_module, memory):
        monkeypatch.setattr(module, "widens", lambda: True)
    assert {x.dtype for x in parameters(directory).values()} == {mx.float32}
    monkeypatch.setattr(arrays_module, "widens", lambda: False)
    assert {x.dtype for x in parameters(directory).values()} == {mx.float16}


def test_shards_load_to_the_same_numbers_and_revision(checkpoints):
    items = list(checkpoints.arrays().items())
    single = load_model(checkpoints.write("single"), "toy")
    shards = {"b.safetensors": dict(items[:4]), "a.safetensors": dict(items[4:])}
    sharded = load_model(checkpoints.write("sharded", shards), "toy")
    assert single.revision == sharded.revision
    tokens = mx.array([[1, 2, 3]])
    first, second = (m.net.logits(m.net.hidden(tokens, m.net.make_cache())) for m in (single, sharded))
    np.testing.assert_array_equal(np.array(first), np.array(second))


def test_batches_lose_nothing(checkpoints, monkeypatch):
    whole = parameters(checkpoints.write("whole"))
    monkeypatch.setattr(arrays_module, "_BATCH_BYTES", 1)
    single = parameters(checkpoints.write("single"))
    assert all(mx.array_equal(whole[path], single[path]) for path in whole)


def change_one_value(arrays):
    arrays[f"{HEAD}.weight"][3, 3] += 1


def swap_two_rows(arrays):
    arrays[f"{HEAD}.weight"][[0, 1]] = arrays[f"{HEAD}.weight"][[1, 0]]


@pytest.mark.parametrize("change", [change_one_value, swap_two_rows])
def test_other_weights_have_another_revision_even_in_the_same_shapes(checkpoints, change):
    arrays = checkpoints.arrays()
    before = load_model(checkpoints.write("before", {"model.safetensors": arrays}), "toy").revision
    change(arrays)
    assert load_model(checkpoints.write("after", {"model.safetensors": arrays}), "toy").revision != before


def test_another_config_is_another_revision(checkpoints):
    before, after = checkpoints.write("before"), checkpoints.write("after", rope_theta=5)
    assert load_model(before, "toy").revision != load_model(after, "toy").revision


def test_names_of_another_layout_are_translated_and_buffers_left_out(checkpoints):
    arrays = checkpoints.arrays()
    renamed = {key.replace("vision_model", "vision_tower"): x for key, x in arrays.items()}
    renamed["language_model.rotary.inv_freq"] = np.zeros(4, np.float16)
    loaded = parameters(checkpoints.write(shards={"model.safetensors": renamed}))
    assert loaded.keys() == arrays.keys()


@pytest.mark.parametrize("form", ["pt", "mlx"])
def test_a_kernel_in_mlx_order_is_known_by_its_shape(checkpoints, form):
    arrays = checkpoints.arrays(side=2)
    moved = arrays | {KERNEL: np.moveaxis(arrays[KERNEL], 1, -1)}
    hub = parameters(checkpoints.write("hub", {"model.safetensors": arrays}, {"format": form}))
    mlx = parameters(checkpoints.write("mlx", {"model.safetensors": moved}, {"format": form}))
    assert mx.array_equal(hub[KERNEL], mlx[KERNEL])


def test_where_both_orders_have_one_shape_the_metadata_tells(checkpoints):
    arrays = checkpoints.arrays(side=3)
    moved = arrays | {KERNEL: np.moveaxis(arrays[KERNEL], 1, -1)}
    assert moved[KERNEL].shape == arrays[KERNEL].shape
    hub = parameters(checkpoints.write("hub", {"model.safetensors": arrays}, {"format": "pt"}, side=3))
    mlx = parameters(checkpoints.write("mlx", {"model.safetensors": moved}, {"format": "mlx"}, side=3))
    assert mx.array_equal(hub[KERNEL], mlx[KERNEL])
    assert np.array_equal(np.array(hub[KERNEL]), np.moveaxis(arrays[KERNEL], 1, -1))


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 8])
@pytest.mark.parametrize("group_size", [32, 64])
def test_bits_and_groups_follow_from_shapes(checkpoints, bits, group_size):
    how = {"group_size": group_size, "bits": bits}
    arrays = with_quantized(checkpoints.arrays(), FIRST, **how)
    layer = load_model(checkpoints.write(shards={"model.safetensors": arrays}), "toy").net.module.language_model.layers[
        0
    ]
    assert isinstance(layer, nn.QuantizedLinear)
    assert (layer.bits, layer.group_size, layer.mode) == (bits, group_size, "affine")
    parts = {name: arrays[f"{FIRST}.{name}"] for name in ("weight", "scales", "biases")}
    x = mx.random.normal((3, 64))
    expected = np.array(x) @ dequantized(parts, **how).T + arrays[f"{FIRST}.bias"]
    np.testing.assert_allclose(np.array(layer(x)), expected, atol=1e-4)


@pytest.mark.parametrize(("mode", "bits", "group_size"), [("mxfp4", 4, 32), ("mxfp8", 8, 32), ("nvfp4", 4, 16)])
def test_scales_of_one_byte_mean_a_floating_mode(checkpoints, mode, bits, group_size):
    arrays = with_quantized(checkpoints.arrays(), FIRST, mode=mode)
    del arrays[f"{FIRST}.bias"]
    arrays[f"{FIRST}.bias"] = np.zeros(64, np.float16)
    layer = load_model(checkpoints.write(shards={"model.safetensors": arrays}), "toy").net.module.language_model.layers[
        0
    ]
    assert (layer.bits, layer.group_size, layer.mode, layer.scales.dtype) == (bits, group_size, mode, mx.uint8)
    parts = {name: arrays[f"{FIRST}.{name}"] for name in ("weight", "scales")}
    expected = dequantized(parts, mode=mode)
    np.testing.assert_allclose(np.array(layer(mx.eye(64))).T, expected, atol=1e-4)


def test_tables_of_embeddings_may_be_quantized_each_in_its_own_way(checkpoints):
    arrays = with_quantized(checkpoints.arrays(), "vision_model.tile_embedding", group_size=32, bits=8)
    arrays = with_quantized(arrays, "language_model.embed_tokens", group_size=64, bits=4)
    net = load_model(checkpoints.write(shards={"model.safetensors": arrays}), "toy").net.module
    tile, token = net.vision_model.tile_embedding, net.language_model.embed_tokens
    assert isinstance(tile, nn.QuantizedEmbedding) and (tile.bits, tile.group_size) == (8, 32)
    assert isinstance(token, nn.QuantizedEmbedding) and (token.bits, token.group_size) == (4, 64)
    assert isinstance(net.language_model.layers[0], nn.Linear)


@pytest.mark.parametrize(
    ("part", "shape"), [("scales", (64, 3)), ("scales", (64, 0)), ("scales", ()), ("weight", (64, 7)), ("weight", ())]
)
def test_weird_shapes_of_scales_are_refused_with_the_module(checkpoints, part, shape):
    arrays = with_quantized(checkpoints.arrays(), FIRST, group_size=32, bits=4)
    arrays[f"{FIRST}.{part}"] = np.zeros(shape, arrays[f"{FIRST}.{part}"].dtype)
    with pytest.raises(ModelFormatError, match=r"language_model\.layers\.0"):
        load_model(checkpoints.write(shards={"model.safetensors": arrays}), "toy")


def test_groups_that_do_not_divide_a_row_are_refused(checkpoints):
    arrays = {f"{FIRST}.weight": np.zeros((65, 9), np.uint32), f"{FIRST}.scales": np.zeros((65, 2), np.float16)}
    directory = checkpoints.write(shards={"model.safetensors": arrays}, width=65)
    with pytest.raises(ModelFormatError, match=r"implausible quantization of language_model\.layers\.0"):
        load_model(directory, "toy")


def test_scales_of_a_norm_are_refused(checkpoints):
    arrays = checkpoints.arrays() | {"language_model.norm.scales": np.zeros(3, np.float16)}
    with pytest.raises(ModelFormatError, match=r"cannot be quantized: language_model\.norm"):
        load_model(checkpoints.write(shards={"model.safetensors": arrays}), "toy")


def lacking(arrays):
    del arrays[f"{HEAD}.weight"], arrays["language_model.gate"]


def surplus(arrays):
    arrays["evil\x1b[31m"] = np.zeros(1, np.float16)


def misshapen(arrays):
    arrays[f"{HEAD}.weight"] = arrays[f"{HEAD}.weight"].T.copy()


def mistyped(arrays):
    arrays["language_model.gate"] = np.zeros(1, np.uint32)


def unquantized(arrays):
    arrays[f"{FIRST}.weight"] = np.zeros((64, 8), np.uint32)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (lacking, "2 missing (language_model.gate, language_model.lm_head.weight)"),
        (surplus, "1 unexpected (evil\N{REPLACEMENT CHARACTER}[31m)"),
        (misshapen, "1 misshapen (language_model.lm_head.weight is F16 (48, 8), not (8, 48))"),
        (mistyped, "1 misshapen (language_model.gate is U32 (1,), not (1,))"),
        (unquantized, "1 misshapen (language_model.layers.0.weight is U32 (64, 8), not (64, 64))"),
    ],
)
def test_every_tensor_that_does_not_fit_is_named_before_any_is_read(checkpoints, monkeypatch, fault, said):
    arrays = checkpoints.arrays()
    fault(arrays)
    directory = checkpoints.write(shards={"model.safetensors": arrays})
    monkeypatch.setattr(mx, "load", None)
    with pytest.raises(ModelFormatError) as caught:
        load_model(directory, "toy")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_of_many_wrong_tensors_three_are_named_and_all_counted(checkpoints):
    with pytest.raises(ModelFormatError, match=r"14 missing \(language_model\.embed_tokens\.weight, .*, …\)") as caught:
        load_model(checkpoints.write(shards={"model.safetensors": {}}), "toy")
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("width", [65, 1 << 20, 1 << 31, 1 << 62])
def test_an_absurd_config_is_refused_before_anything_large_is_made(checkpoints, width):
    directory = checkpoints.write(shards={"model.safetensors": checkpoints.arrays()}, width=width)
    mx.reset_peak_memory()
    with pytest.raises(ModelFormatError):
        load_model(directory, "toy")
    assert mx.get_peak_memory() < 1 << 20


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_weight_that_is_no_number_is_named(checkpoints, value, dtype):
    arrays = checkpoints.arrays()
    arrays[f"{HEAD}.weight"] = arrays[f"{HEAD}.weight"].astype(dtype)
    arrays[f"{HEAD}.weight"][5, 7] = value
    with pytest.raises(ModelFormatError, match=r"NaN or infinity in language_model\.lm_head\.weight: .*model\.saf"):
        load_model(checkpoints.write(shards={"model.safetensors": arrays}), "toy")


def test_a_scale_that_is_no_number_is_named(checkpoints):
    arrays = with_quantized(checkpoints.arrays(), FIRST, group_size=32, bits=4)
    arrays[f"{FIRST}.scales"][1, 1] = np.nan
    with pytest.raises(ModelFormatError, match=r"NaN or infinity in language_model\.layers\.0\.scales"):
        load_model(checkpoints.write(shards={"model.safetensors": arrays}), "toy")


@pytest.mark.parametrize(("mode", "scale"), [("mxfp4", 0xFF), ("mxfp8", 0xFF), ("nvfp4", 0x7F), ("nvfp4", 0xFF)])
def test_a_scale_of_one_byte_that_is_no_number_is_named(checkpoints, mode, scale):
    arrays = with_quantized(checkpoints.arrays(), FIRST, mode=mode)
    arrays[f"{FIRST}.scales"] = np.minimum(arrays[f"{FIRST}.scales"], 0x7E)
    assert load_model(checkpoints.write("sound", {"model.safetensors": arrays}), "toy").name == "toy"
    arrays[f"{FIRST}.scales"][1, 1] = scale
    with pytest.raises(ModelFormatError, match=r"NaN or infinity in language_model\.layers\.0\.scales"):
        load_model(checkpoints.write(shards={"model.safetensors": arrays}), "toy")


def test_the_largest_finite_values_are_numbers(checkpoints):
    arrays = checkpoints.arrays()
    arrays[f"{HEAD}.weight"][:] = 65504
    assert load_model(checkpoints.write(shards={"model.safetensors": arrays}), "toy").name == "toy"


def test_a_truncated_file_is_named(checkpoints):
    directory = checkpoints.write()
    file = directory / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ModelFormatError, match=r"model\.safetensors is truncated"):
        load_model(directory, "toy")


def test_an_unknown_model_type_is_said(checkpoints):
    with pytest.raises(UnsupportedModelError, match="model_type: surprise"):
        load_model(checkpoints.write(model_type="surprise"), "toy")


def test_a_missing_tokenizer_is_said_before_any_weight_is_read(checkpoints, monkeypatch):
    directory = checkpoints.write()
    (directory / "tokenizer.json").unlink()
    monkeypatch.setattr(mx, "load", None)
    with pytest.raises(ModelFormatError, match=r"tokenizer\.json"):
        load_model(directory, "toy")


def test_nothing_in_the_directory_is_executed(checkpoints, tmp_path):
    directory = checkpoints.write(model_file="evil.py", auto_map={"AutoModel": "evil.Model"}, trust_remote_code=True)
    trap = f"open({str(tmp_path / 'ran')!r}, 'w')"
    for name in ("evil.py", "modeling_toy.py", "sitecustomize.py", "__init__.py"):
        (directory / name).write_text(trap, encoding="utf-8")
    (directory / "chat_template.jinja").write_text(
        "{{ cycler.__init__.__globals__.os.system('touch ran') }}", encoding="utf-8"
    )
    (directory / "tokenizer_config.json").write_text(
        json.dumps({"auto_map": {"AutoTokenizer": ["evil.T", None]}}), encoding="utf-8"
    )
    assert load_model(directory, "toy").name == "toy"
    assert not (tmp_path / "ran").exists()
