"""What is written on the pictures: words of Debian's lists, prose of its licences, and invented values."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from pathlib import Path
from random import Random

from training.nano.characters import CHARACTERS
from training.nano.fonts import held_out

_ENGLISH = ("/usr/share/dict/american-english",)
_ACCENTED = ("/usr/share/dict/french", "/usr/share/dict/ngerman", "/usr/share/dict/spanish")
_VIETNAMESE = ("/usr/share/hunspell/vi_VN.dic",)
_PROSE = Path("/usr/share/common-licenses")
_HELD_OUT_WORDS = 0.1
_LONGEST_WORD = 14
_CHUNK_WORDS = 40
_CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"
_DOMAINS = ("com", "org", "net", "io", "de", "fr", "vn", "co.uk", "eu", "dev")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Words:
    """Either the training part or the held-out part of all words; every method draws one text."""

    def __init__(self, *, held: bool) -> None:
        self.english = _read(_ENGLISH, held)
        self.accented = [word for word in _read(_ACCENTED, held) if not word.isascii()]
        self.vietnamese = _read(_VIETNAMESE, held)
        self._prose = [chunk for chunk in _chunks() if held_out(" ".join(chunk), _HELD_OUT_WORDS) == held]

    def word(self, rng: Random) -> str:
        return _in_some_case(rng, rng.choice(self.english))

    def foreign(self, rng: Random) -> str:
        """A word with diacritics."""
        return _in_some_case(rng, rng.choice(self.vietnamese if rng.random() < 0.5 else self.accented))

    def prose(self, rng: Random) -> list[str]:
        """Up to 40 words of running text, from any word on."""
        chunk = rng.choice(self._prose)
        return chunk[rng.randrange(len(chunk)) :]

    def token(self, rng: Random) -> str:
        """A word, mostly, or something else that stands between spaces."""
        choice = rng.random()
        if choice < 0.6:
            word = self.word(rng)
            return word if choice < 0.46 else _punctuated(rng, word)
        if choice < 0.66:
            return self.foreign(rng)
        if choice < 0.69:
            return "".join(rng.choices(CHARACTERS, k=rng.randint(1, 5))).replace(" ", "") or "?"
        if choice < 0.73:
            return "".join(rng.choices(CHARACTERS[1:95], k=rng.randint(1, 7)))
        return self.value(rng)

    def value(self, rng: Random) -> str:
        """A number, price, date, code, address or the like."""
        maker = rng.choice(
            (number, number, price, price, date, time, percentage, code, code, self.email, self.url, phone)
        )
        return maker(rng)

    def email(self, rng: Random) -> str:
        name = rng.choice((".", "_", "", "-")).join(self._plain(rng) for _ in range(rng.randint(1, 2)))
        return f"{name}@{self._plain(rng)}.{rng.choice(_DOMAINS)}"

    def url(self, rng: Random) -> str:
        start = rng.choice(("https://", "http://", "www.", ""))
        path = "".join(f"/{self._plain(rng)}" for _ in range(rng.randint(0, 2)))
        end = rng.choice(("", "", "/", f"?id={digits(rng, 3)}"))
        return f"{start}{self._plain(rng)}.{rng.choice(_DOMAINS)}{path}{end}"

    def identifier(self, rng: Random) -> str:
        return rng.choice(("_", "", "-")).join(self._plain(rng) for _ in range(rng.randint(1, 2)))

    def _plain(self, rng: Random) -> str:
        return re.sub("[^a-z]", "", rng.choice(self.english).lower())[:9] or "a"


def digits(rng: Random, count: int) -> str:
    return "".join(rng.choices("0123456789", k=count))


def number(rng: Random) -> str:
    value = rng.randrange(10 ** rng.randint(1, 7))
    return rng.choice((f"{value}", f"{value}", f"{value:,}", f"-{value}", f"{value / 10:.1f}", f"#{value}"))


def amount(rng: Random) -> str:
    """A price without a currency."""
    return f"{rng.randrange(10 ** rng.randint(1, 4))}.{digits(rng, 2)}"


def price(rng: Random) -> str:
    plain = amount(rng)
    if rng.random() < 0.4:
        return plain
    if rng.random() < 0.2:
        return plain.replace(".", ",") + rng.choice((" €", "€", " EUR"))
    if rng.random() < 0.15:
        return f"{rng.randint(1, 999)}.000{rng.choice(('₫', ' ₫', 'đ', ' VND'))}"
    return rng.choice(("$", "$", "$", "€", "£", "¥", "₹", "USD ", "EUR ", "CHF ")) + plain


def date(rng: Random) -> str:
    year, month, day = rng.randint(1990, 2035), rng.randint(1, 12), rng.randint(1, 28)
    styles = (
        f"{year}-{month:02d}-{day:02d}",
        f"{day:02d}/{month:02d}/{year}",
        f"{day:02d}.{month:02d}.{year}",
        f"{month}/{day}/{year % 100:02d}",
        f"{day} {_MONTHS[month - 1]} {year}",
        f"{_MONTHS[month - 1]} {day}, {year}",
    )
    return rng.choice(styles)


def time(rng: Random) -> str:
    hour, minute = rng.randrange(24), rng.randrange(60)
    return rng.choice((f"{hour:02d}:{minute:02d}", f"{hour % 12 + 1}:{minute:02d} {'AP'[hour // 12]}M"))


def percentage(rng: Random) -> str:
    return rng.choice(
        (f"{rng.randint(0, 100)}%", f"{rng.randint(0, 99)}.{rng.randint(0, 9)} %", f"±{rng.randint(1, 20)}°")
    )


def code(rng: Random) -> str:
    parts = ["".join(rng.choices(_CODE_LETTERS, k=rng.randint(2, 6))) for _ in range(rng.randint(1, 2))]
    return rng.choice(("-", "", "/", "_")).join(parts)


def phone(rng: Random) -> str:
    return f"{rng.choice(('+', '', '0'))}{digits(rng, 2)} {digits(rng, 3)} {digits(rng, 4)}"


def _in_some_case(rng: Random, word: str) -> str:
    return rng.choice((word, word, word.lower(), word.lower(), word.capitalize(), word.upper()))


def _punctuated(rng: Random, word: str) -> str:
    pairs = ("()", "[]", '""', "“”", "‘’", "''", "«»", "<>", "{}")
    if rng.random() < 0.75:
        return word + rng.choice((",", ",", ".", ".", ":", ";", "!", "?", "…", " -", " –", " —", "'s", "’s"))
    left, right = rng.choice(pairs)
    return left + word + right


@lru_cache
def _read(paths: tuple[str, ...], held: bool) -> list[str]:
    known = set(CHARACTERS)
    lines = [line for path in paths for line in Path(path).read_text(encoding="utf-8").splitlines()]
    words = {unicodedata.normalize("NFC", line.split("/")[0].strip()) for line in lines}
    usable = sorted(w for w in words if w and len(w) <= _LONGEST_WORD and known.issuperset(w + w.upper()))
    return [w for w in usable if not w.isdigit() and held_out(w.lower(), _HELD_OUT_WORDS) == held]


@lru_cache
def _chunks() -> list[list[str]]:
    files = sorted(f for f in _PROSE.iterdir() if not f.is_symlink())
    words = " ".join(f.read_text(encoding="utf-8", errors="ignore") for f in files).split()
    known = set(CHARACTERS)
    plain = [w for w in words if known.issuperset(w) and len(w) <= 2 * _LONGEST_WORD]
    return [plain[i : i + _CHUNK_WORDS] for i in range(0, len(plain), _CHUNK_WORDS)]
