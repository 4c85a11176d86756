"""What a row of text says: a piece of whatever is printed in letters, on screens and on receipts."""

from __future__ import annotations

from random import Random

from training.nano.words import Words, code, date, digits, number, price, time

GAP = "\t"
"""Stands between two parts of a row that lie apart; it is read as a blank."""

_LABELS = (
    "OK", "Cancel", "Save", "Save as…", "Open", "Close", "File", "Edit", "View", "Help", "Settings", "Sign in",
    "Log out", "Search", "Next", "Back", "Delete", "Yes", "No", "Apply", "New tab", "Preferences", "Copy", "Paste",
    "Undo", "Share", "Home", "Profile", "Submit", "Continue", "Retry", "Loading…", "Downloads", "Lưu", "Hủy",
    "Đóng", "Tìm kiếm", "Abbrechen", "Übernehmen", "Enregistrer", "Annuler", "Guardar", "Ctrl+C", "Ctrl+Shift+P",
    "F5", "Alt+F4", "Name", "Date", "E-mail", "Phone", "Address", "Total", "Invoice", "Password", "Username",
)  # fmt: skip
_SUMS = (
    "TOTAL", "Total", "Subtotal", "SUBTOTAL", "Tax", "VAT 20%", "Cash", "Change", "Amount due", "Discount", "Card",
    "Tổng cộng", "Thành tiền", "Thuế VAT", "Summe", "MwSt.", "Total à payer", "TVA", "Importe", "Grand Total",
)  # fmt: skip
_COMMANDS = (
    "ls -la", "git commit -m", "cd ..", "grep -rn", "sudo apt install", "python3 -m", "cat", "make", "ssh",
    "curl -sL", "docker run -it", "pip install", "tail -f", "chmod +x", "export", "echo", "rm -rf", "cp", "mv",
    "find . -name",
)  # fmt: skip
_PROMPTS = ("$ ", "# ", "> ", ">>> ", "~$ ", "user@host:~$ ", "C:\\> ")
_RULES = "-=*._~#"


def words(rng: Random, source: Words) -> str:
    return " ".join(source.word(rng) for _ in range(rng.randint(1, 4)))


def mixed(rng: Random, source: Words) -> str:
    return " ".join(source.token(rng) for _ in range(rng.randint(1, 7)))


def prose(rng: Random, source: Words) -> str:
    return " ".join(source.prose(rng)[: rng.choice((2, 5, 9, 9))])


def values(rng: Random, source: Words) -> str:
    between = rng.choice((" ", " ", GAP))
    return between.join(source.value(rng) for _ in range(rng.randint(1, 4)))


def accented(rng: Random, source: Words) -> str:
    return " ".join(source.foreign(rng) for _ in range(rng.randint(1, 5)))


def vietnamese(rng: Random, source: Words) -> str:
    """A phrase of syllables in one case, with a little punctuation."""
    syllables = rng.choices(source.vietnamese, k=rng.randint(1, 8))
    style = rng.random()
    if style < 0.12:
        return " ".join(s.upper() for s in syllables)
    if style < 0.24:
        return " ".join(s.capitalize() for s in syllables)
    rest = (s + rng.choice(("", "", "", "", "", ",", ".")) for s in syllables[1:])
    return " ".join((rng.choice((syllables[0], syllables[0].capitalize())), *rest))


def entry(rng: Random, source: Words) -> str:
    """A name and a value, as on receipts, forms and tables."""
    name = rng.choice((*_SUMS, *_LABELS)) if rng.random() < 0.4 else words(rng, source)
    if rng.random() < 0.25:
        name = f"{rng.randint(1, 12)} {rng.choice(('x ', '× ', ''))}{name}"
    between = rng.choice((GAP, GAP, GAP, ": ", ":" + GAP, " ", " " + "." * rng.randint(3, 8) + " "))
    value = price(rng) if rng.random() < 0.5 else source.value(rng)
    more = GAP + rng.choice((price, number, date))(rng) if rng.random() < 0.2 else ""
    return name + between + value + more


def labels(rng: Random, source: Words) -> str:
    several = (rng.choice(_LABELS) if rng.random() < 0.6 else source.word(rng) for _ in range(rng.randint(1, 4)))
    return rng.choice((GAP, GAP, " ")).join(several)


def terminal(rng: Random, source: Words) -> str:
    make = rng.choice((_code, _code, _shell, _log))
    return make(rng, source)


def rule(rng: Random, source: Words) -> str:
    """A line of one sign, or a short sign by itself."""
    sign = rng.choice(_RULES)
    pattern = rng.choice((sign, sign, sign + " ", sign + rng.choice(_RULES)))
    drawn = (pattern * 30)[: rng.randint(1, 30)].strip()
    return f"{drawn} {source.word(rng)} {drawn}" if len(drawn) < 6 and rng.random() < 0.5 else drawn


def _code(rng: Random, source: Words) -> str:
    name, other = source.identifier(rng), source.identifier(rng)
    literal = rng.choice((number(rng), f'"{source.word(rng)}"', f"'{source.word(rng)}'", "None", "true", other))
    templates = (
        f"{name} = {literal}", f"if {name} == {literal}:", f"for {name} in {other}:", f"def {name}({other}):",
        f"return {name}", f"{name}({other}, {literal})", f"const {name} = {literal};",
        f"// {source.word(rng)} {name}", f"import {name}", "}", "{", f"{name}[{digits(rng, 1)}] += {digits(rng, 2)}",
        f"# {name}: {literal}", f"<{name}>{literal}</{name}>", f'"{name}": {literal},', f"{name}.{other}()",
        f"while (!{name}) {{", "else:", f"-rw-r--r-- 1 {name} {digits(rng, 4)}", f"{name}/{other}.{name[:2]}",
    )  # fmt: skip
    return rng.choice(templates)


def _shell(rng: Random, source: Words) -> str:
    argument = rng.choice((source.identifier, source.url, source.word))(rng)
    return rng.choice((*_PROMPTS, "")) + f"{rng.choice(_COMMANDS)} {argument}"


def _log(rng: Random, source: Words) -> str:
    level = rng.choice(("INFO", "WARN", "ERROR", "DEBUG", f"[{digits(rng, 3)}]", code(rng)))
    return f"{rng.choice((time, date))(rng)} {level} {source.token(rng)} {source.token(rng)}"


MIXTURE = {
    words: 2, mixed: 5, prose: 4, values: 5, accented: 2, vietnamese: 14, entry: 5, labels: 1, terminal: 3, rule: 0.3,
}  # fmt: skip
"""Every kind of row and how often it comes."""
MONO = (terminal,)
"""Printed in a monospaced font."""
