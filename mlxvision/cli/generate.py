"""`mlxvision generate`."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlxvision.cli.arguments import add_debug, add_model, add_plan, add_prompt, add_sampling
from mlxvision.cli.cache import use_disk
from mlxvision.cli.terminal import Status, in_units, say, write
from mlxvision.errors import UsageError, shorten
from mlxvision.types import Box, Done, Event, Image, Sampling, Token

if TYPE_CHECKING:
    from mlxvision.family import Model
    from mlxvision.nn.sharing import Group

_LONGEST_PROMPT_BYTES = 1 << 20
_STAGES = {
    "queue": "waiting, place {} of {}",
    "load": "loading part {} of {}",
    "read": "reading piece {} of {}",
    "encode": "looking at image {} of {}",
    "prefill": "reading token {} of {}",
}
NOTES = {
    "length": "the answer is cut off: --max-tokens, or the model's context, is used up",
    "repetition": "the answer was ended: the model only repeated itself",
    "cancelled": "the answer was cancelled",
    "time": "the answer is cut off: its time is used up",
}

Boxes = Sequence[tuple[str, Box]]
"""Labels and where they belong, in pixels of the upright picture."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Answer a prompt about images. stdout is the answer and one newline, nothing else."
    parser.set_defaults(run=run)
    add = parser.add_argument
    add_prompt(parser)
    add(
        "--image",
        action="append",
        default=[],
        help="an image file, shown before the prompt; `-` reads stdin; repeatable",
    )
    add_plan(parser)
    add_model(parser)
    add_sampling(parser)
    output = parser.add_argument_group("output")
    output.add_argument("--json", action="store_true", help="one JSON object instead of the text")
    output.add_argument(
        "--logprobs", type=int, default=0, metavar="N", help="so many likeliest tokens for each token, with --json [0]"
    )
    output.add_argument(
        "--show-input", metavar="DIR", help="write the very pixels the model sees, and a receipt, to DIR"
    )
    output.add_argument(
        "--draw-boxes", metavar="FILE", help="draw the boxes of the answer on the image, and write that to a new PNG"
    )
    loudness = output.add_mutually_exclusive_group()
    loudness.add_argument("--verbose", action="store_true", help="tell model, images, tokens and times on stderr")
    loudness.add_argument("--quiet", action="store_true", help="nothing but errors on stderr")
    add_debug(parser)


def run(args: argparse.Namespace) -> int:
    """Usage errors come first, then a bad image, and only then the costly model."""
    from mlxvision.api import stream
    from mlxvision.engine.sampling import check_sampling
    from mlxvision.images import open_image
    from mlxvision.nn.sharing import launched

    sampling = to_sampling(args)
    check_sampling(sampling)
    prompt = read_prompt(args)
    _check_drawing(args)
    use_disk(args)
    group = launched()
    if group and group.rank():
        args.show_input = args.draw_boxes = None  # the first machine writes them
    with Status(quiet=args.quiet) as status:
        start = time.perf_counter()
        images = [open_image(source) for source in args.image]
        opened = time.perf_counter()
        status.show(f"loading {args.model or 'the model'}")
        model = load_model(args, group)
        loaded = time.perf_counter()
        if args.draw_boxes is not None and model.family.boxes is None:
            raise UsageError("the model does not say where things are", model.family.name, "Leave --draw-boxes out")
        if args.show_input is not None:
            _save_input(Path(args.show_input), images, model, zoomed=args.plan == "zoom")
        events = stream(model, prompt, images, system=args.system, sampling=sampling, plan=args.plan)
        done = follow(iter(events), status, write_text=not args.json)
    timings_ms = {"load": _ms(loaded - opened), "decode_image": _ms(opened - start), **done.timings_ms}
    boxes = _boxes(done, model)
    if args.json:
        write(json.dumps(_summary(done, model, timings_ms, boxes)) + "\n")
    if args.verbose:
        _tell(done, model, timings_ms)
    if done.finish_reason != "stop" and (args.verbose or status.shown):
        say(f"mlxvision: {NOTES[done.finish_reason]}")
    if args.draw_boxes is not None:
        _draw(boxes, images[0], args.draw_boxes)
    return 0


def load_model(args: argparse.Namespace, group: Group | None = None) -> Model:
    """As the arguments say that all commands which answer have. Raises: MLXVisionError"""
    from mlxvision.api import load

    return load(
        args.model,
        force=args.force,
        low_memory=args.low_memory,
        min_pixels=args.min_pixels,
        max_pixels=args.max_pixels,
        group=group,
        kv_bits=args.kv_bits,
    )


def to_sampling(args: argparse.Namespace) -> Sampling:
    return Sampling(
        max_tokens=args.max_tokens,
        temperature=args.temperature,
        top_p=args.top_p,
        top_k=args.top_k,
        min_p=args.min_p,
        repetition_penalty=args.repetition_penalty,
        seed=args.seed,
        stop=tuple(args.stop),
        logprobs=args.logprobs,
    )


def read_prompt(args: argparse.Namespace) -> str:
    """The text of `--prompt`; of what stdin or a file hold, without the newline at their end."""
    given = args.prompt
    if [given, *args.image].count("-") > 1:
        raise UsageError("stdin can be read only once", "-", "Give one of --prompt and --image another source")
    if given != "-" and not given.startswith("@"):
        return given
    source = 0 if given == "-" else given[1:]
    try:
        with open(source, "rb", closefd=source != 0) as file:
            raw = file.read(_LONGEST_PROMPT_BYTES + 1)
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise UsageError("the prompt is not UTF-8 text", given, "Convert it to UTF-8") from error
    except (OSError, ValueError) as error:
        raise UsageError("cannot read the prompt", given, "Check the file's name and permissions") from error
    if len(raw) > _LONGEST_PROMPT_BYTES:
        raise UsageError(f"the prompt has more than {_LONGEST_PROMPT_BYTES} bytes", given, "Shorten it")
    return text.removesuffix("\n")


def _save_input(directory: Path, images: Sequence[Image], model: Model, *, zoomed: bool) -> None:
    """A file for each picture, and one for each of its sheets where they are read."""
    from mlxvision.engine import rows_of
    from mlxvision.images import save_png
    from mlxvision.reading import find_lines, lay_out

    receipts = []
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for number, image in enumerate(images, 1):
            shown = model.family.preprocess(image, model.config)
            file = f"image-{number}.png"
            save_png(shown.canvas, directory / file)
            receipts.append({"file": file, **asdict(shown.receipt)})
            lines = find_lines(image.pixels) if zoomed or model.reading else []
            for sheet_number, sheet in enumerate(lay_out(image.pixels, lines, rows_of(model)), 1):
                save_png(sheet.canvas, directory / f"image-{number}-sheet-{sheet_number}.png")
        (directory / "receipt.json").write_text(json.dumps(receipts, indent=2) + "\n", "ascii")
    except (OSError, ValueError) as error:
        raise UsageError("cannot write to the --show-input directory", directory, "Choose another") from error


def _check_drawing(args: argparse.Namespace) -> None:
    """Raises: UsageError"""
    file = args.draw_boxes
    if file is None:
        return
    if len(args.image) != 1:
        raise UsageError("boxes are drawn on one picture", f"{len(args.image)} pictures", "Give one --image")
    if not file.endswith(".png") or os.path.lexists(file) or not os.path.isdir(os.path.dirname(file) or "."):
        next_step = "Give --draw-boxes one that ends in .png, in a folder that is there"
        raise UsageError("not the name of a new PNG file", file, next_step)


def _boxes(done: Done, model: Model) -> Boxes:
    """Those in an answer about one picture that was shown as a whole."""
    if model.family.boxes is None or len(done.receipts) != 1 or done.lines:
        return ()
    return model.family.boxes(done.text, done.receipts[0])


def _draw(boxes: Boxes, image: Image, file: str) -> None:
    from mlxvision.images import save_png
    from mlxvision.images.drawing import draw_boxes

    if boxes:
        save_png(draw_boxes(image.pixels, boxes), file)
    else:
        say(f"mlxvision: there is no box in the answer, so {shorten(file)} was not written")


def follow(events: Iterator[Event], status: Status, *, write_text: bool) -> Done:
    """Show an answer as it comes; its line is ended even if the answer breaks off."""
    begun = within_line = False
    try:
        while not isinstance(event := next(events), Done):
            if isinstance(event, Token):
                if write_text and event.text:
                    status.clear()
                    begun, within_line = True, not event.text.endswith("\n")
                    write(event.text)
            elif not within_line:
                status.show(_STAGES[event.stage].format(event.done + 1, event.total))
        begun = write_text
        return event
    finally:
        if begun:
            status.clear()
            write("\n")


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _summary(done: Done, model: Model, timings_ms: Mapping[str, float], boxes: Boxes) -> dict[str, Any]:
    return {
        "text": done.text,
        "tokens": [token.id for token in done.tokens],
        "logprobs": [_logprobs(token) for token in done.tokens if token.alternatives] or None,
        "finish_reason": done.finish_reason,
        "model": model.name,
        "images": [asdict(receipt) for receipt in done.receipts],
        "usage": {
            "prompt_tokens": done.usage.prompt_tokens,
            "output_tokens": done.usage.output_tokens,
            "image_tokens": done.usage.image_tokens,
        },
        "timings_ms": timings_ms,
        "lines": [asdict(line) for line in done.lines] or None,
        "boxes": [{"label": label, "box": asdict(box)} for label, box in boxes] or None,
    }


def _logprobs(token: Token) -> dict[str, Any]:
    top = [{"id": token_id, "text": text, "logprob": logprob} for token_id, text, logprob in token.alternatives]
    return {"logprob": token.logprob, "top": top}


def _tell(done: Done, model: Model, timings_ms: Mapping[str, float]) -> None:
    from mlxvision.api import shared_engine

    say(f"model: {model.name} ({model.family.name}, revision {model.revision})")
    for r in done.receipts:
        sizes = (
            f"{r.width}x{r.height} scaled to {r.scaled_width}x{r.scaled_height} on {r.canvas_width}x{r.canvas_height}"
        )
        say(f"image: {r.source}: {sizes} px, EXIF orientation {r.orientation}, tiles {r.tiles}, sha256 {r.sha256}")
    usage = done.usage
    say(f"tokens: {usage.prompt_tokens} prompt, {usage.output_tokens} output, {usage.image_tokens} image")
    found = shared_engine().images.counters
    say(f"cache: {found.hits} in memory, {found.disk_hits} on disk, {found.misses} computed")
    say(f"memory: {in_units(shared_engine().peak_bytes)} at most for weights and work")
    say("ms: " + ", ".join(f"{stage} {ms:.0f}" for stage, ms in timings_ms.items()))
