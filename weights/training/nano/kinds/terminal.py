"""Code, commands and their output, in a monospaced font."""

from __future__ import annotations

from random import Random

from training.nano.page import Page
from training.nano.sample import Canvas, Sample, Source
from training.nano.words import date, digits, number, time

_COMMANDS = (
    "ls -la", "git commit -m", "cd ..", "grep -rn", "sudo apt install", "python3 -m", "cat", "make", "ssh",
    "curl -sL", "docker run -it", "pip install", "tail -f", "chmod +x", "export", "echo", "rm -rf", "cp", "mv",
    "find . -name",
)  # fmt: skip
_PROMPTS = ("$ ", "# ", "> ", ">>> ", "~$ ", "user@host:~$ ", "C:\\> ")


def draw(rng: Random, source: Source, canvas: Canvas) -> Sample | None:
    page = Page(rng, source, canvas, lines=1 if canvas.height < 30 else 2, mono=True)
    page.start()
    make = rng.choice((_code, _code, _shell, _log))
    indent = 0
    while page.baseline < page.height:
        text = make(rng, source)
        if make is _code:
            indent = max(0, indent + rng.choice((-1, 0, 0, 1)))
        x = page.margin + min(indent * 2 * page.font.width(" "), page.room / 3)
        while text and x + page.font.width(text) > page.width - page.margin / 2:
            text = text[:-1]
        page.write([(x, text.strip())])
        page.feed()
    return page.read()


def _code(rng: Random, source: Source) -> str:
    name, other = source.words.identifier(rng), source.words.identifier(rng)
    literal = rng.choice(
        (number(rng), f'"{source.words.word(rng)}"', f"'{source.words.word(rng)}'", "None", "true", other)
    )
    templates = (
        f"{name} = {literal}", f"if {name} == {literal}:", f"for {name} in {other}:", f"def {name}({other}):",
        f"return {name}", f"{name}({other}, {literal})", f"const {name} = {literal};",
        f"// {source.words.word(rng)} {name}",
        f"import {name}", "}", "{", f"{name}[{digits(rng, 1)}] += {digits(rng, 2)}", f"# {name}: {literal}",
        f"<{name}>{literal}</{name}>", f'"{name}": {literal},', f"{name}.{other}()", f"while (!{name}) {{", "else:",
    )  # fmt: skip
    return rng.choice(templates)


def _shell(rng: Random, source: Source) -> str:
    argument = rng.choice((source.words.identifier, source.words.url, source.words.word))(rng)
    command = f"{rng.choice(_COMMANDS)} {argument}"
    return rng.choice(_PROMPTS) + command if rng.random() < 0.6 else " ".join(source.words.token(rng) for _ in range(4))


def _log(rng: Random, source: Source) -> str:
    level = rng.choice(("INFO", "WARN", "ERROR", "DEBUG"))
    stamp = rng.choice((time(rng), date(rng), f"[{digits(rng, 4)}.{digits(rng, 3)}]"))
    return f"{stamp} {level} {' '.join(source.words.token(rng) for _ in range(3))}"
