"""Many requests, one answer each: as many together as there is memory for, in rows that pass from one to the next.

Requests that are read line by line take their turns alone; reading is done in batches anyway.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from mlxvision.engine.answer import Interrupted, Interruption, to_prompt, to_receipts
from mlxvision.engine.batch import Batch
from mlxvision.engine.draft import Draft
from mlxvision.engine.image_cache import ImageCache
from mlxvision.engine.memory import Memory
from mlxvision.engine.plan import carry_out, shows_whole
from mlxvision.engine.sampling import check_sampling
from mlxvision.errors import MLXVisionError, UsageError
from mlxvision.family import EncodedImage, Model
from mlxvision.loading.memory import available_bytes, check_request
from mlxvision.types import Done, Receipt, Request, Sampling, Usage

_MOST_ROWS = 16
_ROW_TOKENS = 1024
_SHARE = 4  # the part of the memory that rows may take

Job = Callable[[], Request | None]
"""Makes a request when its turn comes, or finds that there is nothing to ask; may raise MLXVisionError."""

Result = Done | MLXVisionError | None
"""What became of a job: its answer, why there is none, or None where nothing was asked."""


@dataclass
class _Asked:
    """A request as the decoder sees it. began: when it got its first token."""

    number: int
    prompt: list[int]
    images: list[EncodedImage]
    receipts: tuple[Receipt, ...]
    sampling: Sampling
    timings_ms: dict[str, float]
    began: float = 0.0


class Many:
    """Carries jobs out, and tells the number and the result of each as it ends. Runs on the MLX thread."""

    def __init__(
        self,
        model: Model,
        jobs: Iterable[Job],
        cache: ImageCache,
        tell: Callable[[int, Result], None],
        interruption: Interruption,
    ) -> None:
        self._model, self._cache, self._tell, self._interruption = model, cache, tell, interruption
        self._batch = Batch(model)
        self._asked: dict[Draft, _Asked] = {}
        row_bytes = model.family.request_bytes(model.config, 1, _ROW_TOKENS)
        self._n_rows = max(1, min(_MOST_ROWS, available_bytes() // _SHARE // row_bytes))
        self._waiting = self._questions(jobs)

    def run(self) -> None:
        """Until all have ended; those that are interrupted are not told of."""
        with suppress(Interrupted):
            self._fill()
            while self._batch.drafts:
                self._check()
                ended = self._batch.step()
                for draft in ended:
                    self._end(draft)
                if ended:
                    self._fill()

    def _questions(self, jobs: Iterable[Job]) -> Iterator[_Asked]:
        """Those that take a row; all others are done with when they come up."""
        for number, job in enumerate(jobs):
            self._check()
            try:
                request = job()
                if request is None:
                    self._tell(number, None)
                elif shows_whole(self._model, request):
                    yield self._ask(number, request)
                else:
                    arguments = Memory(), self._cache, lambda _: None, self._interruption
                    self._tell(number, carry_out(self._model, request, *arguments))
            except MLXVisionError as error:
                self._tell(number, error)

    def _ask(self, number: int, request: Request) -> _Asked:
        """Raises: MLXVisionError"""
        sampling = request.sampling
        check_sampling(sampling)
        if (sampling.temperature, sampling.repetition_penalty, sampling.logprobs) != (0, 1, 0):
            raise UsageError("a batch is answered greedily", sampling, "Leave temperature, penalty and logprobs alone")
        pictures = [image for message in request.messages for image in message.images]
        prompt = to_prompt(self._model, request.messages)
        began = time.perf_counter()
        encoded = [self._cache.encode(self._model, picture, self._check) for picture in pictures]
        check_request(self._model, len(prompt), sampling.max_tokens, [image.n_tokens for image, _ in encoded])
        receipts = to_receipts([receipt for _, receipt in encoded], pictures)
        timings_ms = {"encode": _ms_since(began)}
        return _Asked(number, prompt, [image for image, _ in encoded], receipts, sampling, timings_ms)

    def _fill(self) -> None:
        """Give the free rows to requests that wait."""
        come = list(islice(self._waiting, self._n_rows - len(self._batch.drafts)))
        if not come:
            return
        began = time.perf_counter()
        drafts = [Draft(self._model, asked.sampling, len(asked.prompt)) for asked in come]
        self._batch.add(drafts, [a.prompt for a in come], [a.images for a in come], lambda _: self._check())
        self._asked.update(zip(drafts, come, strict=True))
        for asked in come:
            asked.timings_ms["prefill"], asked.began = _ms_since(began), time.perf_counter()

    def _end(self, draft: Draft) -> None:
        asked = self._asked.pop(draft)
        asked.timings_ms["generate"] = _ms_since(asked.began)
        usage = Usage(len(asked.prompt), 0, len(draft.tokens), sum(image.n_tokens for image in asked.images))
        self._tell(asked.number, draft.done(usage, asked.receipts, asked.timings_ms))

    def _check(self) -> None:
        if reason := self._interruption():
            raise Interrupted(reason)


def _ms_since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 3)
