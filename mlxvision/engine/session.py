"""A conversation: what was said, and the caches that spare computing it again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from mlxvision.engine.engine import Engine, Stream
from mlxvision.engine.memory import Memory
from mlxvision.engine.worker import shared_worker
from mlxvision.errors import UsageError
from mlxvision.family import Model
from mlxvision.types import Done, Event, Image, Message, Request, Sampling


class Session:
    """One question at a time. What an answer shares with what was computed before is not computed again."""

    def __init__(self, engine: Engine, model: Model, system: str = "") -> None:
        self._engine, self._model, self._memory = engine, model, Memory()
        self._messages: list[Message] = [Message("system", (system,))] if system else []
        self._stream: Stream | None = None

    @property
    def messages(self) -> tuple[Message, ...]:
        return tuple(self._messages)

    def ask(self, text: str, images: tuple[Image, ...] = (), sampling: Sampling = Sampling()) -> Done:
        """Raises: MLXVisionError; the conversation is then as it was before."""
        *_, done = self.stream(text, images, sampling)
        return cast(Done, done)

    def stream(self, text: str, images: tuple[Image, ...] = (), sampling: Sampling = Sampling()) -> Iterator[Event]:
        """The answer as it comes, at last a Done. If the loop is left before, the conversation is as it was.

        Raises: MLXVisionError
        """
        question = Message("user", (*images, text))
        self._stream = self._engine.stream(self._model, Request((*self._messages, question), sampling), self._memory)
        for event in self._stream:
            if isinstance(event, Done):
                self._messages += [question, Message("assistant", (event.text,))]
            yield event

    def cancel(self) -> None:
        """End the answer that is being given; what there is of it stays. May be called from any thread."""
        if self._stream:
            self._stream.cancel()

    def rewind(self, n_turns: int = 1) -> None:
        """Take back the latest questions and their answers. Raises: UsageError if there are fewer."""
        n_asked = sum(message.role == "user" for message in self._messages)
        if not 0 <= n_turns <= n_asked:
            raise UsageError("cannot go back so many turns", n_turns, f"Give a number up to {n_asked}")
        del self._messages[len(self._messages) - 2 * n_turns :]

    def fork(self) -> Session:
        """A second conversation that begins as this one did; what was computed is shared."""
        twin = Session(self._engine, self._model)
        twin._messages = list(self._messages)
        twin._memory = shared_worker().submit(self._memory.fork).result()
        return twin
