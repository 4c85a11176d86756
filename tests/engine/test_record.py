"""A page is read once: then it is remembered, with all that was said of it."""

from dataclasses import replace
from types import SimpleNamespace

import mlx.core as mx
import pytest

from mlxvision.engine import DiskCache, Engine, ImageCache, Memory
from mlxvision.engine.meeting import Meeting
from mlxvision.engine.plan import carry_out
from mlxvision.engine.record import from_record, to_record
from mlxvision.engine.worker import shared_worker
from mlxvision.types import Box, Done, Line, Message, Receipt, Request, Sampling, Token, Usage
from tests.engine.test_page import WORDS, page
from tests.fakes.toy import row_reader, sheet_reader

PAGE = page(*WORDS)


def request(image=PAGE, prompt="Read.", max_tokens=512, **rest):
    return Request((Message("user", (image, prompt)),), Sampling(max_tokens=max_tokens), **rest)


def read(engine, model, image=PAGE, prompt="Read.", max_tokens=512, **rest):
    return engine.stream(model, request(image, prompt, max_tokens, **rest)).result()


def paid(model):
    return model.net.log.n_encoded


def test_a_page_that_was_read_is_told_again_without_the_model():
    engine, model = Engine(), row_reader()
    first, price = read(engine, model), paid(model)
    *tokens, again = engine.stream(model, request(replace(PAGE, source="its other name", orientation=6)))
    assert paid(model) == price
    assert tuple(tokens) == again.tokens == first.tokens
    assert (again.text, again.lines, again.finish_reason) == (first.text, first.lines, "stop")
    assert again.usage == replace(first.usage, cached_tokens=first.usage.prompt_tokens)
    assert again.receipts == (replace(first.receipts[0], source="its other name", orientation=6),)
    assert again.timings_ms == dict.fromkeys(first.timings_ms, 0)
    assert (engine.images.counters.hits, engine.images.counters.misses) == (1, 1)


def test_a_page_is_told_again_after_a_restart(tmp_path):
    first = row_reader()
    again = replace(row_reader(), revision=first.revision)
    told = read(Engine(ImageCache(disk=DiskCache(tmp_path))), first)
    engine = Engine(ImageCache(disk=DiskCache(tmp_path)))
    for _ in range(2):
        assert read(engine, again).lines == told.lines
    assert paid(again) == 0
    assert (engine.images.counters.disk_hits, engine.images.counters.hits, engine.images.counters.misses) == (1, 1, 0)


def test_a_page_that_was_read_is_not_read_again_for_a_question():
    engine, model = Engine(), row_reader()
    read(engine, model)
    price = paid(model)
    read(engine, model, prompt="How much?")
    assert paid(model) == price + 1  # the picture in small
    assert read(engine, model, prompt="Read. It is German.").lines
    assert paid(model) == price + 1


def test_a_page_that_was_read_for_a_question_is_not_read_again():
    engine, model = Engine(), row_reader()
    read(engine, model, prompt="How much?")
    price = paid(model)
    assert read(engine, model).lines
    assert paid(model) == price


def test_another_picture_prompt_limit_model_or_way_of_reading_is_read_anew():
    engine, model = Engine(), sheet_reader()
    zoomed = {"plan": "zoom", "prompt": "What?"}
    read(engine, model, **zoomed)
    others = ({"image": page("Tea")}, {"prompt": "Why?"}, {"max_tokens": 3})
    for other in others:
        price = paid(model)
        read(engine, model, **zoomed | other)
        assert paid(model) > price
    for one in (row_reader(), reader := row_reader(), replace(reader, reading=replace(reader.reading, look_px=40))):
        price = paid(one)
        read(engine, one)
        assert paid(one) > price


@pytest.mark.parametrize("reader", [row_reader, sheet_reader])
def test_a_page_whose_reading_was_interrupted_is_not_remembered(reader, tmp_path):
    engine, model = Engine(ImageCache(disk=DiskCache(tmp_path))), reader()
    zoom = {"plan": "zoom", "prompt": "Read."}
    stream = engine.stream(model, request(**zoom))
    stream.cancel()
    assert stream.result().finish_reason == "cancelled"
    assert (engine.images.nbytes, list(tmp_path.iterdir())) == (0, [])
    assert read(engine, model, **zoom).finish_reason == "stop"


def test_a_row_that_was_interrupted_outweighs_one_that_repeats_itself(monkeypatch):
    rows = [SimpleNamespace(tokens=[], reason=reason) for reason in ("time", "repetition")]
    monkeypatch.setattr("mlxvision.engine.page.answer_rows", lambda *_: rows)
    engine = Engine()
    assert read(engine, row_reader()).finish_reason == "time"
    assert engine.images.nbytes == 0


def test_machines_that_share_a_decoder_read_together_whatever_each_remembers():
    model, cache = row_reader(), ImageCache()

    def read_shared():
        met = Meeting(model.net, mx.distributed.init(), lambda: None)
        return carry_out(replace(model, net=met), request(), Memory(), cache, lambda _: None, met.reason)

    for n in (1, 2):
        assert shared_worker().submit(read_shared).result().lines
        assert paid(model) == n * 2


def test_a_record_tells_all_to_the_last_bit():
    tokens = Token(1, "ế\n", -0.1 - 0.2), Token(2, "\ud800", float("-inf"))
    receipt = Receipt("a", "b", 1, 2, 3, 4, 5, 6, 7, 8)
    done = Done("ế", tokens, "length", Usage(5, 0, 2, 3), (receipt,), {}, (Line("ế", Box(1, 2, 3, 4), 0.25),))
    again = from_record(to_record(done))
    assert replace(again, timings_ms={}, usage=done.usage) == done
    assert again.usage == Usage(5, 5, 2, 3)
