"""The reading plan: the lines of a picture are laid out on sheets, the sheets read, and their rows put together again.

A model that was trained on rows reads each by itself, all of them at once, and names the figures of a picture in the
same way. Any other reads a sheet in one answer; where
that has not as many rows as the sheet, the sheet is halved and read again, but not more often than there are sheets,
twice over.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby, pairwise

import numpy as np
import PIL.Image

from mlxvision.engine.answer import INTERRUPTED, Emit, Interrupted, Interruption, to_prompt, to_receipts
from mlxvision.engine.batch import RowMark, answer_all, answer_rows
from mlxvision.engine.draft import Draft
from mlxvision.engine.image_cache import ImageCache
from mlxvision.engine.record import from_record, to_record
from mlxvision.errors import ModelFormatError
from mlxvision.family import EncodedImage, Model
from mlxvision.images import open_image
from mlxvision.reading import (
    Figure,
    Sheet,
    TextLine,
    captions,
    find_figures,
    find_lines,
    lay_out,
    lay_out_figures,
    list_figures,
    split_runs,
)
from mlxvision.types import Done, FinishReason, Image, Line, Message, Progress, Receipt, Rows, Token, Usage

_BATCH = 4
_NARROWEST = 4  # so many characters may stand in an em


@dataclass(frozen=True, slots=True)
class _Row:
    """What was read in a row, and the number of the line that it shows."""

    line: int
    tokens: tuple[Token, ...]


def rows_of(model: Model) -> Rows:
    """How text is laid out for a model."""
    return model.reading.rows if model.reading else model.family.rows(model.config)


class Page:
    """Reads one picture, greedily; the prompt is put to each of its sheets, and so is the limit of tokens."""

    def __init__(
        self,
        model: Model,
        image: Image,
        prompt: str,
        max_tokens: int,
        texts: ImageCache,
        interruption: Interruption,
    ) -> None:
        self._model, self._image, self._prompt = model, image, prompt
        self._texts, self._interruption = texts, interruption
        self._rows = rows_of(model)
        in_a_row = _NARROWEST * self._rows.canvas_px // self._rows.em_px
        self._max_tokens = min(max_tokens, in_a_row) if model.reading else max_tokens
        self._timings_ms = {"find": 0.0, "encode": 0.0, "generate": 0.0}
        self._usage = Usage(0, 0, 0, 0)
        self._halvings = 0
        self._reason: FinishReason = "stop"

    @property
    def interrupted(self) -> bool:
        return self._reason in INTERRUPTED

    def read(self, emit: Emit) -> Done:
        """What stands in the picture; without the model if that was read before.

        Raises: MLXVisionError
        """
        asked = self._model, self._image, ("page", self._prompt, self._max_tokens)
        if record := self._texts.recall(*asked):
            done = from_record(record)
            for token in done.tokens:
                emit(token)
            return replace(done, receipts=to_receipts(done.receipts, [self._image]))
        done = self._compute(emit)
        if not self.interrupted:
            self._texts.remember(*asked, to_record(done))
        return done

    def tell(self) -> tuple[str, str]:
        """-> the text, and a list of the figures with their names and what is written at them; empty without any."""
        found, figures = self._found
        if not figures:
            return "\n".join(line.text for line in self.read(lambda _: None).lines), ""
        texts = split_runs(found)
        read = self._texts_of(lay_out(self._image.pixels, texts, self._rows))
        names = self._texts_of(lay_out_figures(self._image.pixels, [figure.box for figure in figures], self._rows))
        written = captions(figures, texts)
        beside = {number for own in written for number in own}
        text = "\n".join(read[number] for number in sorted(read) if number not in beside)
        words = [[read[number] for number in own if number in read] for own in written]
        return text, list_figures(figures, [names.get(i, "") for i in range(len(figures))], words)

    def _compute(self, emit: Emit) -> Done:
        found, _ = self._found
        with self._timed("find"):
            sheets = lay_out(self._image.pixels, found, self._rows)
        self._halvings = 2 * len(sheets)
        rows: list[_Row] = []
        for row in self._each_row(sheets, emit):
            rows.append(row)
            for token in row.tokens:
                emit(token)
        tokens = tuple(token for row in rows for token in row.tokens)
        text = "".join(token.text for token in tokens).rstrip()
        lines = _lines(found, rows)
        side = self._rows.canvas_px
        receipts = (receipt_of(self._image, (side, side), side, len(sheets)),)
        return Done(text, tokens, self._reason, self._usage, receipts, self._timings_ms, lines)

    @cached_property
    def _found(self) -> tuple[list[TextLine], list[Figure]]:
        with self._timed("find"):
            lines = find_lines(self._image.pixels)
            return find_figures(self._image.pixels, lines) if self._model.reading else (lines, [])

    def _texts_of(self, sheets: Sequence[Sheet]) -> dict[int, str]:
        """What stands in each line of the sheets, or what each figure is."""
        read: dict[int, str] = {}
        for row in self._each_row(sheets, lambda _: None):
            read[row.line] = read.get(row.line, "") + "".join(token.text for token in row.tokens)
        return {line: text.strip() for line, text in read.items() if text.strip()}

    def _each_row(self, sheets: Sequence[Sheet], emit: Emit) -> Iterator[_Row]:
        """What stands in each row of the sheets, and what parts it from the next; no more if interrupted."""
        breaks = iter(_breaks(sheets))
        for start in range(0, len(sheets), _BATCH):
            if self.interrupted:
                return
            emit(Progress("read", start, len(sheets)))
            for row in self._read(sheets[start : start + _BATCH]):
                yield _Row(row.line, _ended(row.tokens, next(breaks)))

    def _read(self, sheets: Sequence[Sheet]) -> list[_Row]:
        """What stands in each row of the sheets; nothing in some if interrupted."""
        reading = self._model.reading
        if not reading:
            return self._read_whole(sheets)
        first, count = reading.row_tokens
        marks = [self._model.tokenizer.encode(mark) for mark in reading.row_marks]
        rows = [(mark, slice(first + i * count, first + (i + 1) * count)) for i, mark in enumerate(marks)]
        answers = self._answers(sheets, [rows[: len(sheet.lines)] for sheet in sheets])
        lines = [line for sheet in sheets for line in sheet.lines]
        for answer in answers:
            self._note(answer.reason)
        return [_Row(line, tuple(answer.tokens)) for line, answer in zip(lines, answers, strict=False)]

    def _read_whole(self, sheets: Sequence[Sheet]) -> list[_Row]:
        rows: list[_Row] = []
        for sheet, answer in zip(sheets, self._answers(sheets), strict=False):
            read, n = _split(answer.tokens), len(sheet.lines)
            if len(read) != n and n > 1 and answer.reason not in INTERRUPTED and self._halvings:
                self._halvings -= 1
                rows += self._read_whole(_halves(sheet, self._rows.row_px))
                continue
            self._note(answer.reason)
            rest = tuple(token for row in read[n - 1 :] for token in _ended(row, " "))
            padded = [*read[: n - 1], rest, *[()] * n]
            rows += [_Row(line, row) for line, row in zip(sheet.lines, padded, strict=False)]
        return rows

    def _note(self, reason: FinishReason | None) -> None:
        """How one answer ended; that the work was interrupted outweighs all else."""
        if reason and reason != "stop" and not self.interrupted:
            self._reason = reason

    def _answers(self, sheets: Sequence[Sheet], rows: Sequence[Sequence[RowMark]] = ()) -> list[Draft]:
        """-> what is said about each sheet, or about each of its rows; nothing if interrupted.

        Raises: MLXVisionError
        """
        model, canvases = self._model, [open_image(PIL.Image.fromarray(sheet.canvas)) for sheet in sheets]
        asked = to_prompt(model, [Message("user", (canvases[0], self._prompt))])
        try:
            with self._timed("encode"):
                images = [self._encode(canvas) for canvas in canvases]
        except Interrupted as interrupted:
            self._reason = interrupted.reason
            return []
        stop, n_tokens = max((part.stop for own in rows for _, part in own), default=0), images[0].n_tokens
        if stop > n_tokens:
            what = f"row_tokens in reading.json reach to token {stop} of an image that has"
            raise ModelFormatError(what, n_tokens, "Get the model again")
        with self._timed("generate"):
            answers = (
                answer_rows(model, asked, images, rows, self._max_tokens, self._interruption)
                if rows
                else answer_all(model, asked, images, self._max_tokens, self._interruption)
            )
        n_marks = sum(len(mark) for own in rows for mark, _ in own)
        self._usage = replace(
            self._usage,
            prompt_tokens=self._usage.prompt_tokens + len(images) * len(asked) + n_marks,
            output_tokens=self._usage.output_tokens + sum(len(answer.tokens) for answer in answers),
            image_tokens=self._usage.image_tokens + sum(image.n_tokens for image in images),
        )
        return answers

    def _encode(self, canvas: Image) -> EncodedImage:
        model = self._model
        return model.net.encode(model.family.preprocess(canvas, model.config), self._check)

    def _check(self) -> None:
        if reason := self._interruption():
            raise Interrupted(reason)

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self._timings_ms[stage] += round((time.perf_counter() - start) * 1000, 3)


def receipt_of(image: Image, shown: tuple[int, int], canvas_px: int, tiles: int) -> Receipt:
    """Of an image that was put on square canvases of ours. shown: its height and width there."""
    return Receipt(
        source=image.source,
        sha256=image.sha256,
        orientation=image.orientation,
        width=image.width,
        height=image.height,
        scaled_width=shown[1],
        scaled_height=shown[0],
        canvas_width=canvas_px,
        canvas_height=canvas_px,
        tiles=tiles,
    )


def _halves(sheet: Sheet, row_px: int) -> tuple[Sheet, Sheet]:
    """The upper and the lower rows, each from the top of a canvas of their own."""
    n = len(sheet.lines) // 2
    upper, lower = np.full_like(sheet.canvas, 255), np.full_like(sheet.canvas, 255)
    upper[: n * row_px] = sheet.canvas[: n * row_px]
    lower[: -n * row_px] = sheet.canvas[n * row_px :]
    return Sheet(upper, sheet.lines[:n], sheet.goes_on[:n]), Sheet(lower, sheet.lines[n:], sheet.goes_on[n:])


def _breaks(sheets: Sequence[Sheet]) -> list[str]:
    """What stands between the text of each row and that of the next."""
    rows = [(line, goes_on) for sheet in sheets for line, goes_on in zip(sheet.lines, sheet.goes_on, strict=True)]
    return [("" if goes_on else " ") if line == last else "\n" for (last, _), (line, goes_on) in pairwise(rows)] + [""]


def _split(tokens: Sequence[Token]) -> list[tuple[Token, ...]]:
    """The tokens of each row that is not blank, without line breaks."""
    rows: list[list[Token]] = [[]]
    for token in tokens:
        first, *more = token.text.split("\n")
        rows[-1].append(replace(token, text=first))
        rows += [[replace(token, text=text)] for text in more]
    return [tuple(row) for row in rows if any(token.text.strip() for token in row)]


def _ended(row: tuple[Token, ...], end: str) -> tuple[Token, ...]:
    return (*row[:-1], replace(row[-1], text=row[-1].text.rstrip() + end)) if row else row


def _lines(found: Sequence[TextLine], rows: Sequence[_Row]) -> tuple[Line, ...]:
    lines = []
    for number, group in groupby(rows, key=lambda row: row.line):
        tokens = [token for row in group for token in row.tokens]
        text = "".join(token.text for token in tokens).strip()
        if text:
            confidence = math.fsum(math.exp(token.logprob) for token in tokens) / len(tokens)
            lines.append(Line(text, found[number].box, round(confidence, 4)))
    return tuple(lines)
