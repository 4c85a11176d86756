"""What ends an answer before the model does: a stop string, or a loop."""

from __future__ import annotations

import numpy as np

_LONGEST_PERIOD = 256
_SHORTEST_LOOP = 128
_FEWEST_ROUNDS = 8


class StopText:
    """Passes text on until a stop string appears; holds back an end that may become one."""

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = stops
        self._held = ""
        self.hit = False

    def add(self, text: str) -> str:
        """The text that is now certain to belong to the answer: none once a stop string has appeared."""
        if self.hit:
            return ""
        text = self._held + text
        # The stop string that is complete first counts, so that the answer does not depend on where tokens end.
        found = [(i + len(stop), i) for stop in self._stops if (i := text.find(stop)) >= 0]
        if found:
            self.hit, self._held = True, ""
            return text[: min(found)[1]]
        n_held = max((_overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - n_held :]
        return text[: len(text) - n_held]

    def flush(self) -> str:
        text, self._held = self._held, ""
        return text


def _overlap(text: str, stop: str) -> int:
    """The length of the longest end of text with which stop begins."""
    return next((n for n in range(min(len(text), len(stop)), 0, -1) if text.endswith(stop[:n])), 0)


class LoopDetector:
    """Says when the latest tokens are one phrase over and over: 128 tokens or eight rounds, whichever is more."""

    def __init__(self) -> None:
        self._recent = np.full(_LONGEST_PERIOD, -1)
        # For each period, how long tokens have equalled earlier ones.
        self._matches = np.zeros(_LONGEST_PERIOD, np.int64)
        periods = np.arange(1, _LONGEST_PERIOD + 1)
        self._enough = np.maximum(_SHORTEST_LOOP, _FEWEST_ROUNDS * periods) - periods

    def add(self, token: int) -> bool:
        self._matches = np.where(self._recent == token, self._matches + 1, 0)
        self._recent = np.concatenate([[token], self._recent[:-1]])
        return bool((self._matches >= self._enough).any())
