"""How an amount is printed. Amounts are whole numbers of the smallest coin."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Money:
    """sign: "$" or the like, before or after the number, with a gap between. point: before the coins."""

    sign: str
    before: bool
    gap: str = ""
    point: str = "."
    comma: str = ","
    coins: int = 2

    def plain(self, amount: int) -> str:
        whole, coins = divmod(abs(amount), 10**self.coins)
        text = f"{whole:,}".replace(",", self.comma)
        text += f"{self.point}{coins:0{self.coins}d}" if self.coins else ""
        return f"-{text}" if amount < 0 else text

    def show(self, amount: int) -> str:
        text = self.plain(amount)
        return f"{self.sign}{self.gap}{text}" if self.before else f"{text}{self.gap}{self.sign}".strip()

    def round(self, amount: float) -> int:
        """To what people pay: whole coins, or hundreds where there are none."""
        step = 1 if self.coins else 100
        return int(amount / step + 0.5) * step


_DONG = (
    Money("₫", False, " ", "", ".", 0), Money("₫", False, "", "", ",", 0), Money("đ", False, "", "", ".", 0),
    Money("VND", False, " ", "", ",", 0), Money("", False, "", "", ".", 0), Money("", False, "", "", ",", 0),
)  # fmt: skip
_COMMA = (
    Money("€", False, " ", ",", "."), Money("€", False, "", ",", "."), Money("EUR", False, " ", ",", "."),
    Money("", False, "", ",", ""), Money("€", True, " ", ",", "."),
)  # fmt: skip
_POINT = (
    Money("$", True), Money("$", True), Money("$", True), Money("£", True), Money("€", True), Money("", True),
    Money("", True), Money("₹", True), Money("¥", True, "", "", ",", 0), Money("USD", True, " "),
    Money("CHF", True, " "), Money("kr", False, " ", ",", " "), Money("$", True, "", ".", ""), Money("R$", True, " "),
)  # fmt: skip


def money(rng: Random, language: str) -> Money:
    """As it is usual where the language is spoken."""
    return rng.choice({"Vietnamese": _DONG, "English": _POINT}.get(language, _COMMA))


def price(rng: Random, style: Money, high: int = 3000) -> int:
    """Of one thing, in coins; high: about the largest, in hundredths of a dollar."""
    coins = max(50, round(rng.triangular(60, high, high / 4)))
    ending = rng.choice((0, 5, 9, coins % 10))
    coins = coins // 10 * 10 + ending
    return coins if style.coins else max(1, coins // 10) * 1000
