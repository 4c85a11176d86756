"""A heading and running text."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from training.nano.documents import topics
from training.nano.documents.document import Entry, Kind
from training.nano.documents.names import person, plain
from training.nano.documents.questions import Pair, Topic, ask, counted, miss, mixed
from training.nano.documents.sheet import Sheet, wrap
from training.nano.documents.style import Style, near
from training.nano.fonts import Font
from training.nano.words import Words, date

_PARAGRAPHS = Topic("paragraph", (
    "How many paragraphs are there?", "number of paragraphs?", "Count the paragraphs.", "how many paragraphs",
    "How many paragraphs does the text have?", "What is the number of paragraphs?",
))  # fmt: skip
_COLUMNS = Topic("column", (
    "How many columns are there?", "number of columns?", "In how many columns is the text set?", "how many columns",
    "How many columns of text are there?", "Count the columns.",
))  # fmt: skip
_AUTHOR = Topic("author", (
    "Who wrote this?", "Who is the author?", "author?", "What is the name of the author?", "the author",
    "Who is it by?",
    "Which author is named?",
))  # fmt: skip
_FIRST = Topic("text", (
    "What are the first words?", "How does the text begin?", "Which words does it start with?", "first words?",
    "What does the first paragraph start with?", "the first words of the text",
))  # fmt: skip
_HEADS = (
    "{} and {}", "The {} of {}", "About {}", "How to {} a {}", "Why {}?", "{}", "{}: a short guide", "A new {}",
    "{} {}",
    "Notes on {}", "The {}", "Chapter {n}", "{n}. {}", "Introduction", "Terms of {}", "Welcome to {}", "{} news",
    "On {} {}",
)  # fmt: skip
_FIRST_WORDS = 4


@dataclass(frozen=True, slots=True)
class Article:
    """heading, author, date: may be empty. columns: one or two."""

    heading: str
    author: str
    date: str
    paragraphs: tuple[str, ...]
    columns: int

    @property
    def entries(self) -> tuple[Entry, ...]:
        return ()

    def questions(self, rng: Random) -> list[Pair]:
        here = [ask(rng, _PARAGRAPHS, len(self.paragraphs)), ask(rng, _COLUMNS, self.columns)]
        here.append(ask(rng, _FIRST, " ".join(self.paragraphs[0].split()[:_FIRST_WORDS])))
        missing = topics.strangers(rng, topics.DATE, topics.TITLE)  # a text may speak of a date
        for topic, answer in ((topics.HEADING, self.heading), (_AUTHOR, self.author), (topics.DATE, self.date)):
            if answer:
                here += [ask(rng, topic, answer) for _ in range(2)]
            elif topic is not topics.DATE:
                missing += [miss(rng, topic) for _ in range(2)]
        return mixed(rng, here, missing)

    def describe(self) -> str:
        titled = f" titled {self.heading}" if self.heading else ""
        by = f" by {self.author}" if self.author else ""
        columns = " in two columns" if self.columns == 2 else ""
        begin = " ".join(self.paragraphs[0].split()[:_FIRST_WORDS])
        return f"A text{titled}{by} with {counted(len(self.paragraphs), 'paragraph')}{columns}. It begins: {begin}"


def invent(rng: Random, words: Words) -> Article:
    heading = rng.choice(_HEADS).replace("{n}", str(rng.randint(1, 20)))
    while "{}" in heading:
        heading = heading.replace("{}", plain(rng, words, 12), 1)
    if rng.random() < 0.15:
        heading = heading.upper()
    lengths = [rng.randint(8, 45) for _ in range(rng.randint(1, 4))]
    return Article(
        heading=heading if rng.random() < 0.85 else "",
        author=person(rng, words) if rng.random() < 0.35 else "",
        date=date(rng) if rng.random() < 0.3 else "",
        paragraphs=tuple(_paragraph(rng, words, length) for length in lengths),
        columns=2 if sum(lengths) > 50 and rng.random() < 0.35 else 1,
    )


def _paragraph(rng: Random, words: Words, length: int) -> str:
    if rng.random() < 0.15:
        return " ".join(rng.choices(words.vietnamese, k=length)).capitalize() + "."
    text: list[str] = []
    while len(text) < length:
        text += words.prose(rng)
    text[0] = text[0][0].upper() + text[0][1:]
    return " ".join(text[:length])


def lay_out(rng: Random, style: Style, article: Article) -> Sheet:
    characters = sum(map(len, article.paragraphs))
    size = near(rng.triangular(11, 28 if characters < 500 else 18, 14))
    font, head = style.font(size), style.bold(size * rng.choice((1.2, 1.5, 2, 2.5)))
    margin, pitch, gap = size * rng.uniform(0.8, 3.5), size * rng.uniform(1.15, 1.7), rng.choice((0, 0.5, 1))
    width = min(1000 - 2 * margin, size * rng.uniform(20, 42) * article.columns)
    sheet = Sheet(style, width + 2 * margin, 1100)
    sheet.column, y = -1, margin
    align = rng.choice((0, 0, 0.5))
    for line in wrap(head, article.heading, width) if article.heading else ():
        y += 1.15 * head.size
        sheet.write(margin + align * width, y, line, head, align=align)
    under = " · ".join(filter(None, (article.author and f"{rng.choice(('By ', ''))}{article.author}", article.date)))
    if under:
        y += 1.6 * size
        sheet.write(margin + align * width, y, under, font, align=align, colour=style.dim)
    gutter = 1.5 * size if article.columns == 2 else 0
    bottom = _text(sheet, article, font, ((width - gutter) / article.columns, gutter, margin), (y + size, pitch, gap))
    sheet.crop(min(bottom + margin, sheet.height))
    return sheet


def _text(
    sheet: Sheet, article: Article, font: Font, across: tuple[float, float, float], down: tuple[float, float, float]
) -> float:
    """across: width of a column, gutter, left edge. down: top, pitch, gap between paragraphs in lines. -> the bottom"""
    (width, gutter, left), (top, pitch, gap) = across, down
    indent = 0 if gap or article.columns > 1 else 1.5 * font.size
    lines = [wrap(font, text, width - indent) for text in article.paragraphs]
    rows = sum(map(len, lines)) + gap * (len(lines) - 1)
    most = -(-rows // article.columns)
    y, lowest, sheet.column = top, top, 0
    for paragraph in lines:
        for n, line in enumerate(paragraph):
            if (y - top) / pitch >= most and sheet.column + 1 < article.columns:
                y, sheet.column, left = top, sheet.column + 1, left + width + gutter
            y += pitch
            sheet.write(left + indent * (n == 0), y, line, font)
            lowest = max(lowest, y)
        y += gap * pitch
    return lowest


KIND = Kind(invent, lay_out)
