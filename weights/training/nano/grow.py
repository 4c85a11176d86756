"""Give a reader of seven layers the two that it has today, so that at first it answers as before.

Usage: python -m training.nano.grow STATE.pt
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import torch

from training.nano.model import GRID, PATCH, Reader, initialise

_NEW = (4, 7)
_PLACES = tuple(i for i in range(9) if i not in _NEW)
_LAYER = re.compile(r"(?<=language_model\.layers\.)\d+")


def grow(state: dict[str, Any]) -> dict[str, Any]:
    """state: as the trainer saves it, of seven layers."""
    reader = Reader()
    noise = torch.randint(256, (1, GRID * PATCH, GRID * PATCH, 3), dtype=torch.uint8)
    initialise(reader, noise, seed=0)
    for i in _NEW:
        layer = reader.net.model.language_model.layers[i]
        torch.nn.init.zeros_(layer.self_attn.o_proj.weight)
        torch.nn.init.zeros_(layer.mlp.down_proj.weight)
    fresh = reader.state_dict()
    grown = {part: fresh | {_placed(name): x for name, x in state[part].items()} for part in ("reader", "average")}
    learned = [name for name, parameter in reader.named_parameters() if parameter.requires_grad]
    old = [name for name in learned if not any(f"layers.{i}." in name and "language_model" in name for i in _NEW)]
    moments = {learned.index(name): state["optimizer"]["state"][i] for i, name in enumerate(old)}
    (group,) = state["optimizer"]["param_groups"]
    groups = [group | {"params": list(range(len(learned)))}]
    return grown | {"optimizer": {"state": moments, "param_groups": groups}, "step": state["step"]}


def _placed(name: str) -> str:
    return _LAYER.sub(lambda found: str(_PLACES[int(found[0])]), name)


if __name__ == "__main__":
    path = Path(sys.argv[1])
    torch.save(grow(torch.load(path, map_location="cpu")), path)
