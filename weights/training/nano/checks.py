"""Does the training forward compute the model that ships?"""

from __future__ import annotations

import copy
from typing import Any

import torch
from transformers import MllamaForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

from training.nano.characters import BEGIN, IMAGE
from training.nano.model import GRID, PATCH, Reader


@torch.no_grad()
def strip_difference(reader: Reader) -> float:
    """The largest difference in logits between the strips' forward on the full grid and the corrected reference."""
    generator = torch.Generator().manual_seed(0)
    side = GRID * PATCH
    pictures = torch.randint(256, (2, side, side, 3), generator=generator, dtype=torch.uint8)
    ids = torch.randint(10, 300, (2, 20), generator=generator)
    ids[:, 0], ids[:, 4] = BEGIN, IMAGE
    positions = torch.arange(ids.shape[1]).expand(ids.shape)
    ours = reader.net.lm_head(reader.answer(ids, reader.see(pictures), torch.zeros_like(ids), positions).hidden)
    reference = copy.deepcopy(reader.net)
    reference.set_attn_implementation("eager")
    return (ours - reference_logits(reference, ids, pictures)).abs().max().item()


def reference_logits(net: MllamaForConditionalGeneration, ids: torch.Tensor, pictures: torch.Tensor) -> torch.Tensor:
    """transformers' own forward, mended where it departs from the model as trained."""
    encoder = net.model.vision_model.transformer
    sees = ((ids == IMAGE).cumsum(1) > 0).long()

    def keep_inputs(hidden_states: torch.Tensor, attention_mask: torch.Tensor) -> BaseModelOutput:
        states: tuple[torch.Tensor, ...] = ()
        for layer in encoder.layers:
            states += (hidden_states,)
            hidden_states = layer(hidden_states, attention_mask=attention_mask)
        return BaseModelOutput(last_hidden_state=hidden_states, hidden_states=states)

    def mask_rows(_module: Any, _arguments: Any, output: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return output[0] * sees[..., None], *output[1:]

    original, encoder.forward = encoder.forward, keep_inputs
    layers = net.model.language_model.layers
    hooks = [
        layers[i].cross_attn.register_forward_hook(mask_rows) for i in net.config.text_config.cross_attention_layers
    ]
    pixels = (pictures.float() / 127.5 - 1).permute(0, 3, 1, 2)[:, None, None]
    ones = torch.ones(len(ids), 1, dtype=torch.long)
    try:
        return net(
            input_ids=ids,
            pixel_values=pixels,
            aspect_ratio_ids=ones,
            aspect_ratio_mask=ones[:, None],
            cross_attention_mask=sees[..., None, None],
            use_cache=False,
        ).logits
    finally:
        encoder.forward = original
        for hook in hooks:
            hook.remove()
