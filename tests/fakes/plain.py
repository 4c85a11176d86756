"""Greedy answers computed the slow, obvious way: everything anew for every token."""

from collections.abc import Sequence

import mlx.core as mx

from mlxvision.engine.worker import shared_worker
from mlxvision.family import Model
from mlxvision.types import Message


def plain_answer(model: Model, messages: Sequence[Message], n: int, penalty: float = 1.0) -> list[int]:
    """The ids of at most n tokens; the penalty falls on tokens already in the answer."""
    return shared_worker().submit(lambda: _plain_answer(model, messages, n, penalty)).result()


def _plain_answer(model: Model, messages: Sequence[Message], n: int, penalty: float) -> list[int]:
    family, net = model.family, model.net
    prompt = family.render(messages, model.tokenizer, model.config)
    images = [image for message in messages for image in message.images]
    encoded = [net.encode(family.preprocess(image, model.config), lambda: None) for image in images]
    answer: list[int] = []
    while len(answer) < n and (not answer or answer[-1] not in family.stop_tokens(model.tokenizer)):
        cache = net.make_cache()
        for image in encoded:
            cache.add_image(image)
        logits = net.logits(net.hidden(mx.array([prompt + answer]), cache))[0, -1].tolist()
        for token in set(answer):
            logits[token] *= penalty if logits[token] < 0 else 1 / penalty
        answer.append(max(range(len(logits)), key=logits.__getitem__))
    return answer
