"""Known checkpoints, one card each: cards/NAME.toml holds the fields of `Card`."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["BUNDLED", "Card", "bundled_model", "cards", "find_card"]

BUNDLED = "nano"
"""The name of the model that comes with the package."""

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of a checkpoint before it is read.

    repo: OWNER/NAME of the repository to pull; none for the bundled model.
    bits: per weight of the decoder; 16 is not quantized.
    parameters: of the whole model.
    """

    name: str
    about: str
    family: str
    licence: str
    bits: int
    parameters: int
    repo: str | None = None

    @property
    def computed_bytes(self) -> int:
        """The weights in memory, computed as if all had `bits`, and a 16-bit scale and bias for every 64 of them."""
        overhead = 0 if self.bits == 16 else 2 * 16 / 64
        return int(self.parameters * (self.bits + overhead) / 8)


@cache
def cards() -> tuple[Card, ...]:
    """All cards, the smallest model first."""
    import tomllib

    files = (_HERE / "cards").glob("*.toml")
    read = (Card(name=file.stem, **tomllib.loads(file.read_text(encoding="utf-8"))) for file in files)
    return tuple(sorted(read, key=lambda card: (card.computed_bytes, card.name)))


def find_card(name: str) -> Card | None:
    """The card of this name, if there is one."""
    return next((card for card in cards() if card.name == name), None)


def bundled_model() -> Path:
    """The directory of the model that comes with the package."""
    return _HERE / BUNDLED
