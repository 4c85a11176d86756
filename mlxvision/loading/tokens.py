"""Whether a tokenizer belongs to a net, and its prompts to it alone."""

from __future__ import annotations

from collections import Counter
from typing import Any

import mlx.nn as nn
import numpy as np

from mlxvision.errors import ModelFormatError
from mlxvision.family import Family
from mlxvision.text import Tokenizer
from mlxvision.types import Image, Message, Reading

_ADVICE = "Get the model again, or the file if you changed it"


def check_tokens(tokenizer: Tokenizer, net: nn.Module, family: Family, config: Any, reading: Reading | None) -> None:
    """Raises: ModelFormatError"""
    n_rows = max(module.weight.shape[0] for path, module in net.named_modules() if path.endswith("embed_tokens"))
    if tokenizer.n_ids > n_rows:  # MLX would read beyond the table's end
        what = "tokenizer.json has more tokens than the table of embeddings has rows"
        raise ModelFormatError(what, f"{tokenizer.n_ids} and {n_rows}", _ADVICE)
    picture = Image(np.zeros((1, 1, 3), np.uint8), "", 1, "")
    one, two = (Counter(family.render([Message("user", (picture,) * n)], tokenizer, config)) for n in (1, 2))
    text = [token for token in two - one if tokenizer.may_be_text(token)]
    if text:
        raise ModelFormatError("config.json takes a token of text for an image's", text, _ADVICE)
    marks = reading.row_marks if reading else ()
    if len({len(tokenizer.encode(mark)) for mark in marks}) > 1:
        raise ModelFormatError("reading.json has row_marks of different lengths in tokens", marks, _ADVICE)
