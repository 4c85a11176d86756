"""What is learned from a batch: the answer, and three things that are known for nothing.

Dense: which character is centred in each part of each patch, or which thing lies there, from the image features.
Gaze: where the first head of each cross-attention layer looks; the first layer at the character just written, or the
thing of which it spoke, the later ones at that of the next.
Recall: where the first head of one self-attention layer looks while an answer repeats what was said.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F

from training.nano.mixture import IGNORE, Batch
from training.nano.model import SLOTS, Answer, Reader

_EMPTY_WEIGHT = 0.3


class Losses(NamedTuple):
    answer: torch.Tensor
    dense: torch.Tensor
    gaze: torch.Tensor
    recall: torch.Tensor
    answer_accuracy: torch.Tensor
    dense_accuracy: torch.Tensor

    def total(self, guidance: float) -> torch.Tensor:
        return self.answer + guidance * (self.dense + self.gaze + self.recall)


def losses(reader: Reader, batch: Batch) -> Losses:
    features = reader.see(batch.pictures)
    answer = reader.answer(batch.ids, features, batch.row, batch.positions)
    asked = batch.labels != IGNORE
    logits, labels = reader.net.lm_head(answer.hidden[asked]).float(), batch.labels[asked]
    dense, dense_accuracy = _dense(reader, features[:, 1:], batch.dense)
    return Losses(
        (F.cross_entropy(logits, labels, reduction="none") * batch.weight[asked]).sum() / batch.weight[asked].sum(),
        dense,
        _gaze(answer, batch),
        _recall(*answer.recall, batch.source),
        (logits.argmax(-1) == labels).float().mean(),
        dense_accuracy,
    )


def see_loss(reader: Reader, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """The dense loss and its accuracy alone, without the decoder."""
    return _dense(reader, reader.see(batch.pictures)[:, 1:], batch.dense)


def _dense(reader: Reader, features: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """features: (B, P, D); labels: (B, P, SLOTS)"""
    known = (labels[..., 0] != IGNORE).any(1)
    if not known.any():
        return features.new_zeros(()), features.new_zeros(())
    labels = labels[known]
    logits = reader.dense(features[known]).float().unflatten(-1, (SLOTS, -1))
    loss = F.cross_entropy(logits.flatten(0, 2), labels.flatten(), reduction="none").view(labels.shape)
    printed, empty = labels > 0, labels == 0
    accuracy = _mean((logits.argmax(-1) == labels).float(), printed)
    return _mean(loss, printed) + _EMPTY_WEIGHT * _mean(loss, empty), accuracy


def _mean(x: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
    """0 where there is nothing."""
    return (x * where).sum() / where.sum().clamp(min=1)


def _gaze(answer: Answer, batch: Batch) -> torch.Tensor:
    """The first of the N image features is the class token's."""
    total = batch.here.new_zeros((), dtype=torch.float32)
    for i, (queries, keys) in enumerate(answer.looks):
        wanted = batch.there if i else batch.here
        known = wanted >= 0
        if known.any():
            scores = (queries @ keys.transpose(1, 2))[known].float() * queries.shape[-1] ** -0.5
            if answer.mask is not None:
                scores = scores + answer.mask[:, 0][known]
            total = total + F.cross_entropy(scores, wanted[known] + 1) / len(answer.looks)
    return total


def _recall(queries: torch.Tensor, keys: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
    """queries, keys: (B, L, E); source: (B, L, places), any of which is right"""
    sample, place = (source[..., 0] >= 0).nonzero(as_tuple=True)
    if len(sample) == 0:
        return queries.new_zeros((), dtype=torch.float32)
    scores = (queries @ keys.transpose(1, 2))[sample, place].float() * queries.shape[-1] ** -0.5
    later = torch.arange(scores.shape[1], device=scores.device) > place[:, None]
    chances = scores.masked_fill(later, -torch.inf).log_softmax(-1)
    places = source[sample, place]
    chances = chances.gather(1, places.clamp(min=0)).masked_fill(places < 0, -torch.inf)
    return -chances.logsumexp(-1).mean()
