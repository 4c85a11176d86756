"""Code in an editor, or commands and what they answer in a terminal."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random

from training.nano.documents import topics
from training.nano.documents.document import Entry, Kind
from training.nano.documents.programs import LANGUAGES, Program, Session, program, session
from training.nano.documents.questions import Pair, Topic, ask, counted, miss, mixed
from training.nano.documents.sheet import Sheet
from training.nano.documents.style import Colour, Style, luminance, near, shade
from training.nano.fonts import Font
from training.nano.words import Words

_LANGUAGE = Topic("code", (
    "Which language is this?", "What language is this code in?", "language?", "What programming language is it?",
    "In which language is the code written?", "which programming language",
))  # fmt: skip
_FUNCTION = Topic("function", (
    "What is the name of the function?", "Which function is defined?", "function name?", "What is the function called?",
    "What function does it define?", "the function's name",
))  # fmt: skip
_VALUE = Topic("{}", (
    "What is the value of {}?", "What is {}?", "{}?", "What is {} set to?", "value of {}?", "Which value does {} have?",
    "What is assigned to {}?",
))  # fmt: skip
_LINES = Topic("line", (
    "How many lines are there?", "How many lines of code are there?", "number of lines?", "Count the lines.",
    "how many lines", "How many lines does it have?",
))  # fmt: skip
_COMMAND = Topic("command", (
    "What command was run?", "Which command was entered?", "command?", "What is the command?", "the command",
    "What was typed at the prompt?", "Which command is it?",
))  # fmt: skip
_ERROR = Topic("error", (
    "What is the error?", "What does the error say?", "error?", "What went wrong?", "Read the error message.",
    "Which error is shown?", "the error",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Listing:
    """content: what is shown. name: of the file or window, may be empty. numbered: lines have numbers.

    stranger: a name that does not occur.
    """

    content: Program | Session
    name: str
    numbered: bool
    stranger: str

    @property
    def lines(self) -> tuple[str, ...]:
        return self.content.lines

    @property
    def entries(self) -> tuple[Entry, ...]:
        return ()

    def questions(self, rng: Random) -> list[Pair]:
        here = [ask(rng, _LINES, len(self.lines))] + ([ask(rng, topics.TITLE, self.name)] if self.name else [])
        missing = topics.strangers(rng, topics.TIME, topics.DATE, *([topics.TITLE] if self.name else []))
        if isinstance(self.content, Program):
            here += [ask(rng, _VALUE, value, name) for name, value in self.content.values]
            here += [ask(rng, _LANGUAGE, self.content.language) for _ in range(2)]
            missing += [miss(rng, _VALUE, self.stranger), miss(rng, _VALUE, self.stranger), miss(rng, _COMMAND)]
            functions = self.content.functions
            here += [ask(rng, _FUNCTION, functions[0]) for _ in range(2)] if len(functions) == 1 else []
            missing += [] if functions else [miss(rng, _FUNCTION)]
            return mixed(rng, here, missing)
        here += (
            [ask(rng, _COMMAND, self.content.commands[0]) for _ in range(2)] if self.content.commands[1:] == () else []
        )
        error = self.content.error
        (here if error else missing).append(ask(rng, _ERROR, error) if error else miss(rng, _ERROR))
        return mixed(rng, here, [*missing, miss(rng, _FUNCTION)])

    def describe(self) -> str:
        named = f" titled {self.name}" if self.name else ""
        count = counted(len(self.lines), "line")
        if isinstance(self.content, Program):
            function = f" It defines the function {self.content.functions[0]}." if self.content.functions else ""
            what = "JSON data" if self.content.language == "JSON" else f"{self.content.language} code"
            return f"{what}{named} with {count}.{function}"
        error = f" It shows an error: {self.content.error}" if self.content.error else ""
        return f"A terminal{named} with {count}. The command is {self.content.commands[0]}.{error}"


def invent(rng: Random, words: Words) -> Listing:
    content = program(rng, words, rng.choice(LANGUAGES)) if rng.random() < 0.6 else session(rng, words)
    endings = {"Python": "py", "JavaScript": "js", "C": "c", "JSON": "json", "Rust": "rs"}
    if isinstance(content, Program):
        name = f"{words.identifier(rng)}.{endings[content.language]}"
    else:
        name = rng.choice(("Terminal", "bash", "zsh", "Console", f"user@{words.identifier(rng)}"))
    numbered = isinstance(content, Program) and rng.random() < 0.3
    return Listing(content, name if rng.random() < 0.35 else "", numbered, words.identifier(rng))


def lay_out(rng: Random, style: Style, listing: Listing) -> Sheet:
    size, pitch = near(rng.triangular(11, 28, 15)), rng.uniform(1.15, 1.6)
    widest = max(*map(len, listing.lines), len(listing.name) + 8) + 5 * listing.numbered
    size = near(min(size, 1000 / (0.62 * widest + 3), 1000 / ((len(listing.lines) + 3) * pitch)))
    font, margin, bar = style.font(size), size * rng.uniform(0.5, 2), 2 * size if listing.name else 0
    letter = font.width("m")
    sheet = Sheet(style, widest * letter + 2 * margin, len(listing.lines) * pitch * size + bar + 2 * margin)
    if listing.name:
        _bar(rng, sheet, listing.name, size)
    colours = _colours(rng, sheet) if rng.random() < 0.7 else None
    for n, line in enumerate(listing.lines):
        x, y = margin, bar + margin + (n + 0.75) * pitch * size
        if listing.numbered:
            sheet.write(x + 3 * letter, y, str(n + 1), font, align=1, colour=style.dim)
            x += 4 * letter
        _line(sheet, line, (x, y), font, colours)
    return sheet


def _line(sheet: Sheet, line: str, place: tuple[float, float], font: Font, colours: tuple[Colour, ...] | None) -> None:
    """One piece if it is of one colour; the parts of a coloured line stand apart where the text has a blank."""
    x, y = place
    body = line.lstrip(" ")
    x += (len(line) - len(body)) * font.width(" ")
    for part in re.split("(?<= )", body) if colours else [body]:
        colour = None
        if colours:
            kind = 1 if part[:1] in "\"'" else 2 if part[:1].isdigit() else 3 if part.strip() in _KEYWORDS else 0
            colour = colours[kind] if kind else None
        x = sheet.write(x, y, part, font, colour=colour)


_KEYWORDS = frozenset((
    "def", "return", "if", "else", "for", "while", "in", "const", "function", "async", "await", "let", "fn", "pub",
    "int",
    "void", "char", "try:", "except", "self", "None", "True", "False", "true", "false",
))  # fmt: skip


def _colours(rng: Random, sheet: Sheet) -> tuple[Colour, ...]:
    """Of texts, numbers and keywords, those that show on the paper."""
    paper = luminance(sheet.style.paper)
    shades = [shade(rng, name) for name in ("green", "orange", "purple", "red", "blue", "pink", "yellow", "brown")]
    clear = [colour for colour in shades if abs(luminance(colour) - paper) > 90] or [sheet.style.ink]
    return sheet.style.ink, *rng.choices(clear, k=3)


def _bar(rng: Random, sheet: Sheet, name: str, size: int) -> None:
    """The head of a window with its three buttons."""
    sheet.rule(0, sheet.width, 1.8 * size)
    left = rng.random() < 0.6
    for n, colour in enumerate(("red", "yellow", "green")):
        x = (1 + 1.1 * n) * size if left else sheet.width - (1 + 1.1 * n) * size
        sheet.draw.ellipse((x - 0.35 * size, 0.55 * size, x + 0.35 * size, 1.25 * size), fill=shade(rng, colour))
    font = sheet.style.font(size)
    x = max(sheet.width / 2 - font.width(name) / 2, 4.2 * size) if left else size
    sheet.write(x, 1.25 * size, name, font)


KIND = Kind(invent, lay_out, mono=1)
