"""The reference model and its training forward.

The forward differs from transformers 5.23 on purpose, as the engine does: an intermediate state is the INPUT of the
block with that number, and a cross-attention block leaves the rows before the image as they are.

Only the patches of the canvas are computed, at the top left of the grid. On the full grid this equals the whole model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F
from transformers import AttentionInterface, MllamaConfig, MllamaForConditionalGeneration

from training.nano.characters import BEGIN, END_OF_TURN, IMAGE, PAD, VOCABULARY

PATCH, GRID, SLOTS = 8, 27, 2
ROW_PATCHES = 3
"""A row of text is three patches high."""

_VISION_WIDTH, _TEXT_WIDTH = 192, 256
_RECALL_LAYER = 5
_PADDING_ROWS = -(GRID**2 + 1) % 8
"""The grid and its class token are filled up to a multiple of eight, and real patches attend to these rows."""


def config() -> MllamaConfig:
    vision = {
        "hidden_size": _VISION_WIDTH,
        "num_hidden_layers": 5,
        "num_global_layers": 1,
        "attention_heads": 3,
        "intermediate_size": 4 * _VISION_WIDTH,
        "image_size": GRID * PATCH,
        "patch_size": PATCH,
        "max_num_tiles": 1,
        "supported_aspect_ratios": [[1, 1]],
        "intermediate_layers_indices": [3],
        "vision_output_dim": 2 * _VISION_WIDTH,
    }
    text = {
        "vocab_size": VOCABULARY,
        "hidden_size": _TEXT_WIDTH,
        "num_hidden_layers": 7,
        "cross_attention_layers": [1, 4],
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 640,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        "max_position_embeddings": 2048,
        "bos_token_id": BEGIN,
        "eos_token_id": END_OF_TURN,
        "pad_token_id": PAD,
        "tie_word_embeddings": False,
    }
    return MllamaConfig(vision_config=vision, text_config=text, image_token_index=IMAGE)


Look = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Answer:
    """hidden: (B, L, D). looks: queries (B, L, E), keys (B, N, E) of the first head of each cross-attention layer.

    recall: queries and keys (B, L, E) of the first head of the self-attention layer that finds what is repeated.
    mask: (B, 1, L, N), what is added to the scores of cross-attention, if anything.
    """

    hidden: torch.Tensor
    looks: list[Look]
    recall: Look
    mask: torch.Tensor | None


class Reader(nn.Module):
    """The shipped model, and a head on its image features that only training uses."""

    def __init__(self) -> None:
        super().__init__()
        AttentionInterface.register("plain", _plain_attention)
        self.net = MllamaForConditionalGeneration._from_config(config(), attn_implementation="plain")
        self.dense = nn.Linear(_TEXT_WIDTH, SLOTS * VOCABULARY)
        self._frozen()

    def _frozen(self) -> None:
        """One tile needs no tile embeddings; left free, their random values would leak in."""
        for name, parameter in self.net.model.vision_model.named_parameters():
            if "tile" in name or name == "gated_positional_embedding.gate":
                parameter.requires_grad_(False)

    @property
    def decoder(self) -> nn.ModuleList:
        """What answers, of features that the rest makes."""
        return nn.ModuleList([self.net.model.language_model, self.net.lm_head])

    @property
    def cross_layers(self) -> list[nn.Module]:
        text = self.net.model.language_model
        return [text.layers[i] for i in text.config.cross_attention_layers]

    def see(self, pictures: torch.Tensor) -> torch.Tensor:
        """pictures: (B, H, W, 3) uint8 -> image features (B, 1 + P, D), the class token first."""
        vision = self.net.model.vision_model
        patches, places = _patches(pictures), _places(pictures)
        x = F.linear(patches, vision.patch_embedding.weight.flatten(1))
        x = torch.cat([vision.class_embedding.expand(len(x), 1, -1), x], dim=1)
        x = vision.layernorm_pre(x + vision.gated_positional_embedding.embedding[places])
        n_real = x.shape[1]
        x = F.pad(x, (0, 0, 0, _PADDING_ROWS))
        mask = torch.zeros(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device)
        mask[n_real:, n_real:] = True
        mask = torch.zeros_like(mask, dtype=x.dtype).masked_fill(mask, torch.finfo(x.dtype).min)[None, None]
        kept = []
        for i, layer in enumerate(vision.transformer.layers):
            if i in vision.intermediate_layers_indices:
                kept.append(x)
            x = layer(x, attention_mask=mask)
        x = vision.layernorm_post(x)
        for layer in vision.global_transformer.layers:
            x = layer(x, attention_mask=mask)
        features = torch.cat([x, torch.stack(kept, dim=-1).flatten(2)], dim=-1)
        return self.net.model.multi_modal_projector(features[:, :n_real])

    def answer(self, ids: torch.Tensor, features: torch.Tensor, row: torch.Tensor, positions: torch.Tensor) -> Answer:
        """ids, row, positions: (B, L), as in a `Batch`, padded on the right; features: (B, N, D)"""
        text = self.net.model.language_model
        x = text.embed_tokens(ids)
        waves = text.rotary_emb(x, positions)
        sees = (ids == IMAGE).cumsum(1).clamp(max=1)[..., None]
        mask, cross_mask = (_text_mask(row), _image_mask(row, features.shape[1])) if row.any() else (None, None)
        looks: list[Look] = []
        recalls: list[Look] = []
        for i, layer in enumerate(text.layers):
            if i in text.config.cross_attention_layers:
                x, look = _cross(layer, x, features, sees.to(x.dtype), cross_mask)
                looks.append(look)
            else:
                heads = recalls if i == _RECALL_LAYER else None
                x = layer(x, attention_mask=mask, position_embeddings=waves, heads=heads)
        return Answer(text.norm(x), looks, *recalls, cross_mask)


def _text_mask(row: torch.Tensor) -> torch.Tensor:
    """row: (B, L) -> (B, 1, L, L), what to add to the scores: later tokens and other rows are not seen."""
    L = row.shape[1]
    earlier = torch.ones(L, L, dtype=torch.bool, device=row.device).tril()
    return _added(earlier & ((row[:, None] == 0) | (row[:, None] == row[..., None])))


def _image_mask(row: torch.Tensor, n_features: int) -> torch.Tensor:
    """row: (B, L) -> (B, 1, L, N): from its mark on, a row sees its own patches alone."""
    shown = torch.cat([row.new_zeros(1), 1 + torch.arange(n_features - 1, device=row.device) // (ROW_PATCHES * GRID)])
    return _added((row[..., None] == 0) | (row[..., None] == shown))


def _added(seen: torch.Tensor) -> torch.Tensor:
    """(B, L, S) -> (B, 1, L, S)"""
    return torch.zeros(seen.shape, device=seen.device).masked_fill(~seen, torch.finfo(torch.float32).min)[:, None]


def _patches(pictures: torch.Tensor) -> torch.Tensor:
    """(B, H, W, 3) uint8 -> (B, P, 3 * PATCH * PATCH), normalised, in the order of a convolution's kernel."""
    B, H, W, C = pictures.shape
    x = pictures.float() / 127.5 - 1
    x = x.view(B, H // PATCH, PATCH, W // PATCH, PATCH, C).permute(0, 1, 3, 5, 2, 4)
    return x.reshape(B, -1, C * PATCH * PATCH)


def _places(pictures: torch.Tensor) -> torch.Tensor:
    """(1 + P,) rows of the position table: the class token's, then those of the canvas."""
    rows, columns = torch.arange(pictures.shape[1] // PATCH), torch.arange(pictures.shape[2] // PATCH)
    places = 1 + rows[:, None] * GRID + columns
    return torch.cat([torch.zeros(1, dtype=torch.long), places.flatten()]).to(pictures.device)


def _plain_attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    heads: list[Look] | None = None,
    **_others: object,
) -> tuple[torch.Tensor, None]:
    """What transformers calls in every attention; without a mask, a text is causal. The first head goes to `heads`."""
    if heads is not None:
        heads.append((query[:, 0], key[:, 0]))
    if attention_mask is None:
        seen = F.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
    else:
        seen = _attend(query, key, value, attention_mask)
    return seen.transpose(1, 2), None


def _attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    """q: (B, H, L, E); k, v: (B, K, S, E); mask: added to the scores -> (B, H, L, E)"""
    if q.is_cuda:
        return F.scaled_dot_product_attention(q, k, v, mask, enable_gqa=True)
    # Plain products take four fifths of the time of the fused kernel for such short texts on a CPU.
    k, v = (x.repeat_interleave(q.shape[1] // k.shape[1], dim=1) for x in (k, v))
    scores = q @ k.transpose(2, 3) * q.shape[-1] ** -0.5
    if mask is not None:
        scores = scores + mask
    return scores.softmax(-1).to(v.dtype) @ v


def _cross(
    layer: nn.Module, x: torch.Tensor, features: torch.Tensor, sees: torch.Tensor, mask: torch.Tensor | None
) -> tuple[torch.Tensor, Look]:
    """x: (B, L, D); features: (B, N, D); sees: (B, L, 1), 0 for rows before the picture."""
    attention = layer.cross_attn
    B, L, _ = x.shape
    q = attention.q_norm(attention.q_proj(layer.input_layernorm(x)).view(B, L, attention.num_heads, -1)).transpose(1, 2)
    k = attention.k_proj(features).view(B, -1, attention.num_key_value_heads, attention.head_dim)
    v = attention.v_proj(features).view(k.shape).transpose(1, 2)
    k = attention.k_norm(k).transpose(1, 2)
    q, k = q.to(v.dtype), k.to(v.dtype)
    seen = attention.o_proj(_attend(q, k, v, mask).transpose(1, 2).reshape(B, L, -1))
    x = x + layer.cross_attn_attn_gate.tanh() * sees * seen
    x = x + layer.cross_attn_mlp_gate.tanh() * sees * layer.mlp(layer.post_attention_layernorm(x))
    return x, (q[:, 0], k[:, 0])


def half_precision(device: str) -> torch.autocast:
    """bfloat16 where it is faster than float32, which it is not on a CPU without instructions for it."""
    fast = device != "cpu" or torch.cpu._is_avx512_bf16_supported()
    return torch.autocast(device, torch.bfloat16, enabled=fast)


@torch.no_grad()
def initialise(reader: Reader, pictures: torch.Tensor, seed: int) -> None:
    """pictures: (B, H, W, 3) uint8, whose grey patches set the first filters."""
    generator = torch.Generator().manual_seed(seed)
    net = reader.net
    for module in net.modules():
        if isinstance(module, nn.Linear):
            _normal(module.weight, module.in_features**-0.5, generator)
        elif isinstance(module, nn.Embedding):
            _normal(module.weight, 0.3, generator)
    _initialise_vision(net.model.vision_model, pictures, generator)
    for layer in reader.cross_layers:
        layer.cross_attn_attn_gate.fill_(1.0)
        layer.cross_attn_mlp_gate.fill_(1.0)
    depth = len(net.model.language_model.layers)
    for layer in net.model.language_model.layers:
        attention = layer.cross_attn if layer in reader.cross_layers else layer.self_attn
        attention.o_proj.weight.div_(math.sqrt(2 * depth))
        layer.mlp.down_proj.weight.div_(math.sqrt(2 * depth))


def _initialise_vision(vision: nn.Module, pictures: torch.Tensor, generator: torch.Generator) -> None:
    layers = [*vision.transformer.layers, *vision.global_transformer.layers]
    for layer in layers:
        attention = layer.self_attn
        noise = _normal(torch.empty_like(attention.k_proj.weight), 0.5 * _VISION_WIDTH**-0.5, generator)
        attention.k_proj.weight.copy_(attention.q_proj.weight + noise)
        attention.o_proj.weight.div_(math.sqrt(2 * len(layers)))
        layer.mlp.fc2.weight.div_(math.sqrt(2 * len(layers)))
    vision.patch_embedding.weight.copy_(_whitening_filters(pictures, generator))
    position = vision.gated_positional_embedding
    position.embedding.copy_(0.3 * _sines(GRID, _VISION_WIDTH))
    for embedding in (position.tile_embedding, vision.pre_tile_positional_embedding.embedding):
        embedding.weight.zero_()
    vision.post_tile_positional_embedding.embedding.weight.zero_()


def _whitening_filters(pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """(D, 3, PATCH, PATCH): random mixtures of the whitened principal components, the same for each colour."""
    grey = _patches(pictures).view(-1, 3, PATCH * PATCH).mean(1)
    values, vectors = torch.linalg.eigh(grey.T.cov())
    whitening = vectors / (values + 0.01 * values.mean()).sqrt()
    mixture = _normal(torch.empty(_VISION_WIDTH, PATCH * PATCH), 1 / PATCH, generator)
    return (mixture @ whitening.T).view(_VISION_WIDTH, 1, PATCH, PATCH).expand(-1, 3, -1, -1) / 3


def _sines(side: int, width: int) -> torch.Tensor:
    """(1 + side * side, width): nothing for the class token, then waves of column and row."""
    wave = 100 ** -(torch.arange(width // 4) / (width // 4))
    row, column = (
        c.flatten()[:, None] * wave for c in torch.meshgrid(*[torch.arange(side).float()] * 2, indexing="ij")
    )
    return F.pad(torch.cat([column.sin(), column.cos(), row.sin(), row.cos()], dim=1), (0, 0, 1, 0))


def _normal(tensor: torch.Tensor, std: float, generator: torch.Generator) -> torch.Tensor:
    return tensor.normal_(std=std, generator=generator)
