"""Many requests at once: the answers of each alone, for fewer forwards of the decoder."""

from dataclasses import replace
from datetime import date
from functools import partial

import mlx.core as mx
import pytest

from mlxvision.engine import Engine, ImageCache, many
from mlxvision.engine.worker import shared_worker
from mlxvision.errors import ImageFormatError
from mlxvision.families.mllama import prompt
from mlxvision.families.mllama.model import Mllama
from mlxvision.images import open_image
from mlxvision.types import Message, Request, Sampling
from tests.fakes.small import small_mllama
from tests.fakes.toy import picture, row_reader

SHAPES = [(12, 12), (30, 12), (40, 12), (10, 40), (20, 20)]
WORDS = ["why", "what " * 7, "describe all that there is to be seen", "long " * 140]


@pytest.fixture(scope="module")
def model():
    return ending(small_mllama(1))


def ending(model):
    """One that ends most of its answers itself, each after another number of tokens."""
    return replace(model, family=replace(model.family, stop_tokens=lambda tokenizer: frozenset(range(0, 265, 12))))


class Day(date):
    @classmethod
    def today(cls):
        return date(2026, 11, 20)


@pytest.fixture(autouse=True)
def same_day(monkeypatch):
    """Prompts tell the date, on which it depends where a model of chance stops."""
    monkeypatch.setattr(prompt, "date", Day)


@pytest.fixture
def forwards(monkeypatch):
    """(B, L) of every call of the decoder."""
    shapes, hidden = [], Mllama.hidden
    monkeypatch.setattr(Mllama, "hidden", lambda *args: (shapes.append(args[1].shape), hidden(*args))[1])
    return shapes


def shot(number):
    width, height = SHAPES[number % len(SHAPES)]
    return picture(20 * number % 256, 255 - 11 * number % 256, 70 * number % 256, width=width, height=height)


def ask(*content, **sampling):
    return Request((Message("user", content),), Sampling(**sampling))


def mixed():
    """Prompts of 30 to 700 tokens, no, one or two pictures of 1 to 4 tiles, 1 to 20 tokens of answer."""
    requests = [ask(shot(n), WORDS[n % 4], max_tokens=1 + (7 * n) % 20) for n in range(14)]
    return [
        *requests,
        ask("no picture", max_tokens=9),
        ask("text ", shot(3), shot(8), " and more", max_tokens=12),
        ask(shot(1), "Stop here", max_tokens=20, stop=("}", "|")),
    ]


def batch(model, requests, images=None):
    return dict(Engine(images).batch(model, [partial(lambda request: request, request) for request in requests]))


@pytest.mark.parametrize(("n_rows", "kv_bits"), [(1, None), (3, None), (16, None), (3, 8)])
def test_each_answer_is_that_of_its_request_alone(model, n_rows, kv_bits, monkeypatch):
    monkeypatch.setattr(many, "_MOST_ROWS", n_rows)
    model = ending(small_mllama(1, kv_bits)) if kv_bits else model
    requests = mixed()
    together = batch(model, requests)
    alone = [Engine().stream(model, request).result() for request in requests]
    for number, done in enumerate(alone):
        assert [token.id for token in together[number].tokens] == [token.id for token in done.tokens]
        assert replace(together[number], tokens=(), timings_ms={}) == replace(done, tokens=(), timings_ms={})
    assert {done.finish_reason for done in alone} == {"stop", "length"}
    assert len({len(done.tokens) for done in alone}) > 7


def test_short_answers_take_a_quarter_of_the_forwards(model, forwards):
    requests = [ask(shot(n), "What is it?", max_tokens=6) for n in range(16)]
    for request in requests:
        Engine().stream(model, request).result()
    n_alone = len(forwards)
    forwards.clear()
    assert len(batch(model, requests)) == 16
    assert 4 * len(forwards) <= n_alone


def test_a_row_is_given_to_the_next_while_the_others_go_on(model, forwards, monkeypatch):
    """One long answer in one of two rows; all the short ones pass through the other."""
    monkeypatch.setattr(many, "_MOST_ROWS", 2)
    model = replace(model, family=replace(model.family, stop_tokens=lambda tokenizer: frozenset()))
    lengths = [40, *[5] * 7]
    batch(model, [ask(shot(n), "What is it?", max_tokens=length) for n, length in enumerate(lengths)])
    steps = [shape for shape in forwards if shape[1] == 1]
    assert len(steps) <= 40
    assert {B for B, _ in steps} == {1, 2}


def test_pictures_are_opened_when_their_turn_comes(model, monkeypatch):
    monkeypatch.setattr(many, "_MOST_ROWS", 2)
    opened, ended = [], []

    def job(number):
        opened.append((number, len(ended)))
        return ask(shot(number), "What?", max_tokens=3)

    def tell(number, result):
        ended.append(number)

    jobs = [partial(job, number) for number in range(6)]
    shared_worker().submit(lambda: many.Many(model, jobs, ImageCache(), tell, lambda: None).run()).result()
    assert len(ended) == 6
    assert all(number < n_ended + 2 for number, n_ended in opened)


def test_a_picture_seen_before_is_not_encoded_again(model):
    images = ImageCache()
    requests = [ask(shot(n % 3), WORDS[n % 2], max_tokens=3) for n in range(12)]
    batch(model, requests, images)
    batch(model, requests, images)
    assert (images.counters.misses, images.counters.hits) == (3, 21)


def test_what_fails_is_told_and_ends_nothing(model):
    broken = ImageFormatError("damaged", "a.png", "Save it again")

    def fail():
        raise broken

    jobs = [
        lambda: ask(shot(1), "What?", max_tokens=3),
        fail,
        lambda: None,
        lambda: ask("x" * 5000),
        lambda: ask("What?", temperature=1.0),
        lambda: ask("What?", max_tokens=0),
        lambda: ask(shot(2), "What?", max_tokens=3),
    ]
    results = dict(Engine().batch(model, jobs))
    assert [type(results[n]).__name__ for n in range(7)] == [
        *("Done", "ImageFormatError", "NoneType", "UsageError", "UsageError", "UsageError", "Done")
    ]
    assert results[1] is broken


def test_a_fault_in_a_job_reaches_the_caller(model):
    with pytest.raises(ZeroDivisionError):
        list(Engine().batch(model, [lambda: 1 // 0]))


def test_pages_are_read_one_by_one_as_alone(root):
    requests = [ask(open_image(root / "examples" / "total.png"), "Read."), ask(shot(0), "Read.")]
    results = batch(row_reader(), requests)
    assert list(results) == [0, 1]
    for number, request in enumerate(requests):
        assert results[number].lines == Engine().stream(row_reader(), request).result().lines
    assert results[0].lines


def test_leaving_the_loop_stops_the_work(model, forwards):
    engine = Engine()
    for _ in engine.batch(model, [partial(ask, shot(n), "What?", max_tokens=500) for n in range(200)]):
        break
    engine.stream(model, ask("wait for the thread", max_tokens=1)).result()
    assert sum(L > 1 for _, L in forwards) < 100


def test_memory_stays_flat(model, monkeypatch):
    monkeypatch.setattr(many, "_MOST_ROWS", 4)
    held = []

    def job(number):
        held.append(mx.get_active_memory())
        return ask(shot(number), WORDS[number % 2], max_tokens=1 + number % 7)

    assert len(dict(Engine(ImageCache(limit_bytes=100_000)).batch(model, [partial(job, n) for n in range(100)]))) == 100
    assert max(held[50:]) <= 1.05 * max(held[10:50])
