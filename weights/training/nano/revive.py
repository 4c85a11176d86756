"""Go on training from a converted model where the state of its training is lost.

Usage: python -m training.nano.revive MODEL STATE.pt --step N

The head that only training uses begins at zero, so that at first it moves nothing else; the optimizer begins anew.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import mlx.core as mx
import numpy as np
import torch

from training.nano.model import Reader

_PREFIXES = {"language_model.model.": "model.language_model.", "language_model.lm_head.": "lm_head."}


def revive(model: Path, step: int) -> dict[str, object]:
    """model: a folder that `mlxvision convert` wrote. -> a state of the trainer after so many steps"""
    reader = Reader()
    reader.net.load_state_dict({_renamed(name): x for name, x in _read(model).items()})
    torch.nn.init.zeros_(reader.dense.weight)
    torch.nn.init.zeros_(reader.dense.bias)
    return {"reader": reader.state_dict(), "average": reader.state_dict(), "step": step, "begun": step}


def _read(model: Path) -> dict[str, torch.Tensor]:
    """The weights in float32."""
    sizes = json.loads((model / "config.json").read_text(encoding="utf-8"))["quantization"]
    stored = {name: x for file in model.glob("*.safetensors") for name, x in mx.load(str(file)).items()}
    weights = {}
    for name in [name for name in stored if not name.endswith((".scales", ".biases"))]:
        x, path = stored[name], name.removesuffix(".weight")
        if f"{path}.scales" in stored:
            x = mx.dequantize(x, stored[f"{path}.scales"], stored[f"{path}.biases"], sizes["group_size"], sizes["bits"])
        weights[name] = torch.from_numpy(np.array(x.astype(mx.float32)))
    return weights


def _renamed(name: str) -> str:
    """As transformers 5 calls it."""
    for old, new in _PREFIXES.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    return f"model.{name}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("state", type=Path)
    parser.add_argument("--step", type=int, required=True, help="how many steps were made")
    options = parser.parse_args()
    torch.save(revive(options.model, options.step), options.state)


if __name__ == "__main__":
    main()
