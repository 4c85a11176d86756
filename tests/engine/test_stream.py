from contextlib import contextmanager
from threading import Event as Flag
from threading import Thread

import mlx.core as mx
import pytest

from mlxvision.engine import Engine, Session
from mlxvision.engine.worker import shared_worker
from mlxvision.errors import UsageError
from mlxvision.types import Done, Message, Progress, Request, Sampling, Token
from tests.fakes.toy import END, picture, random_model, scripted

LONG = bytes(32 + (7 * i * i + i // 90) % 90 for i in range(600))


def request(text="hi", *images, **sampling):
    return Request((Message("user", (*images, text)),), Sampling(**sampling))


@contextmanager
def worker_held():
    """Keeps the MLX thread busy meanwhile."""
    gate = Flag()
    shared_worker().submit(gate.wait)
    try:
        yield
    finally:
        gate.set()


def test_events_come_as_progress_then_tokens_then_done():
    model = random_model()
    events = list(Engine().stream(model, request("hi", picture(200, 0, 0), picture(0, 9, 0), max_tokens=20)))
    kinds = [type(event) for event in events]
    assert kinds == sorted(kinds, key=[Progress, Token, Done].index)
    assert kinds.count(Done) == 1
    stages = [event.stage for event in events if isinstance(event, Progress)]
    assert stages == sorted(stages, key=["queue", "encode", "prefill"].index)
    assert {"encode", "prefill"} == set(stages)


def test_the_tokens_are_the_answer():
    model = random_model()
    *events, done = Engine().stream(model, request("hi", picture(200, 0, 0), max_tokens=30))
    tokens = tuple(event for event in events if isinstance(event, Token))
    assert tokens == done.tokens
    assert "".join(token.text for token in tokens) == done.text != ""
    assert (done.usage.output_tokens, done.usage.image_tokens, done.usage.prompt_tokens) == (len(tokens), 4, 6)
    assert set(done.timings_ms) == {"encode", "prefill", "generate"}


def test_receipts_come_in_the_order_of_the_images():
    a, b = picture(200, 0, 0), picture(0, 200, 0)
    done = Engine().stream(random_model(), request("hi", b, a, b, max_tokens=1)).result()
    assert [receipt.sha256 for receipt in done.receipts] == [b.sha256, a.sha256, b.sha256]


def test_a_stream_can_be_read_again_and_asked_for_its_result():
    stream = Engine().stream(random_model(), request(max_tokens=5))
    *_, done = stream
    assert list(stream) == [done]
    assert stream.result() is done is stream.result()


def test_a_failed_stream_fails_again_when_read_again():
    stream = Engine().stream(random_model(), request("x" * 5000))
    for _ in range(2):
        with pytest.raises(UsageError, match="context"):
            list(stream)
        with pytest.raises(UsageError, match="context"):
            stream.result()


def test_cancel_stops_within_one_token():
    model = scripted(LONG)
    with worker_held():
        stream = Engine().stream(model, request())
        model.net.log.on_hidden = lambda: stream.cancel() if len(model.net.log.lengths) == 10 else None
    *events, done = stream
    assert done.finish_reason == "cancelled"
    assert len(model.net.log.lengths) == 10
    assert done.text == LONG.decode()[: len(done.tokens)]
    assert done.tokens == tuple(event for event in events if isinstance(event, Token))
    assert len(done.tokens) == 9


def test_leaving_the_loop_stops_within_one_token():
    model, read = scripted(LONG), Flag()
    model.net.log.on_hidden = lambda: read.wait() if len(model.net.log.lengths) == 3 else None
    with worker_held():
        stream = Engine().stream(model, request())
    for event in stream:
        if isinstance(event, Token):
            break
    read.set()
    assert stream.result().finish_reason == "cancelled"
    assert len(model.net.log.lengths) <= 3


def test_a_request_cancelled_in_the_queue_never_runs_its_net():
    model = random_model()
    with worker_held():
        stream = Engine().stream(model, request("hi", picture(9, 9, 9)))
        stream.cancel()
    (done,) = stream
    assert (done.finish_reason, done.text, done.tokens) == ("cancelled", "", ())
    assert (model.net.log.n_encoded, model.net.log.lengths) == (0, [])


def test_cancel_stops_between_the_steps_of_an_encoder():
    model, steps = random_model(), []
    with worker_held():
        stream = Engine().stream(model, request("hi", picture(9, 9, 9)))
        model.net.log.on_encode = lambda: (steps.append(1), stream.cancel())
    assert stream.result().finish_reason == "cancelled"
    assert len(steps) == 1
    assert model.net.log.lengths == []


def test_cancel_stops_between_the_chunks_of_a_prompt():
    model = random_model()
    with worker_held():
        stream = Engine().stream(model, request("x" * 2000))
        model.net.log.on_hidden = stream.cancel
    assert stream.result().finish_reason == "cancelled"
    assert len(model.net.log.lengths) == 1


def test_cancel_after_the_end_changes_nothing():
    stream = Engine().stream(scripted("yes"), request())
    done = stream.result()
    stream.cancel()
    assert stream.result() is done
    assert done.finish_reason == "stop"


def test_the_request_after_a_cancelled_one_is_right():
    model, engine = random_model(), Engine()
    expected = engine.stream(model, request("what is it?", picture(1, 200, 3), max_tokens=30)).result()
    for _ in engine.stream(model, request("other", picture(200, 2, 3))):
        break
    again = engine.stream(model, request("what is it?", picture(1, 200, 3), max_tokens=30)).result()
    assert again.tokens == expected.tokens


def test_two_threads_each_get_their_own_answer():
    model, engine = random_model(), Engine()
    questions = ["one?", "another one?"]
    expected = {q: engine.stream(model, request(q, max_tokens=25)).result().text for q in questions}
    answers = {q: [] for q in questions}
    threads = [
        Thread(
            target=lambda q=q: [
                answers[q].append(engine.stream(model, request(q, max_tokens=25)).result().text) for _ in range(5)
            ]
        )
        for q in questions
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {q: [expected[q]] * 5 for q in questions}
    assert expected["one?"] != expected["another one?"]


@pytest.mark.parametrize("value", [{"max_tokens": 0}, {"top_p": 0}])
def test_a_wrong_value_is_refused_before_anything_is_queued(value):
    with pytest.raises(UsageError, match=next(iter(value))):
        Engine().stream(random_model(), request(**value))


class _BrokenEncoder(Exception):
    pass


def _break():
    raise _BrokenEncoder


def test_an_error_while_encoding_reaches_the_reader_and_the_next_request_is_right():
    model, session = random_model(), None
    session = Session(Engine(), model)
    expected = Session(Engine(), model).ask("what?", (picture(200, 0, 0),), Sampling(max_tokens=9))
    model.net.log.on_encode = _break
    with pytest.raises(_BrokenEncoder):
        session.ask("what?", (picture(200, 0, 0),))
    assert session.messages == ()
    model.net.log.on_encode = lambda: None
    assert session.ask("what?", (picture(200, 0, 0),), Sampling(max_tokens=9)).tokens == expected.tokens


def test_an_error_while_rendering_reaches_the_reader():
    model = random_model()
    with pytest.raises(UsageError, match="last message"):
        Engine().stream(model, Request((Message("assistant", ("hi",)),))).result()
    assert model.net.log.lengths == []


def test_a_prompt_that_fills_the_context_is_refused_and_a_shorter_one_ends_with_it():
    model = random_model(context_length=16, end_bias=-1e4)
    with pytest.raises(UsageError, match="16 tokens of at most 16"):
        Engine().stream(model, request("x" * 13)).result()
    done = Engine().stream(model, request("x" * 10)).result()
    assert (done.usage.prompt_tokens, done.usage.output_tokens, done.finish_reason) == (13, 3, "length")


@pytest.mark.parametrize(
    "sampling",
    [
        {},
        {"temperature": 0.8},
        {"temperature": 0.8, "top_p": 0.9, "top_k": 20, "min_p": 0.01, "repetition_penalty": 1.2, "logprobs": 5},
    ],
)
def test_a_token_costs_one_evaluation(sampling, monkeypatch):
    model, counts = random_model(end_bias=-1e4), []
    for name in ("eval", "async_eval"):
        evaluate = getattr(mx, name)
        monkeypatch.setattr(mx, name, lambda *arrays, evaluate=evaluate: (counts.append(1), evaluate(*arrays)))

    def evaluations(n_tokens):
        counts.clear()
        done = Engine().stream(model, request("hi", max_tokens=n_tokens, **sampling)).result()
        assert done.usage.output_tokens == n_tokens
        return len(counts)

    n = evaluations(20)
    assert evaluations(40) - n == 20
    assert n == 21  # and one for the prompt


def test_no_forward_is_wasted_when_the_length_is_known():
    model = random_model(end_bias=-1e4)
    Engine().stream(model, request("hi", max_tokens=12)).result()
    assert len(model.net.log.lengths) == 12


def test_an_answer_that_stops_pays_for_one_token_ahead_at_most():
    model = scripted("four")
    done = Engine().stream(model, request()).result()
    assert [token.id for token in done.tokens] == [*b"four", END]
    assert len(model.net.log.lengths) == 6
