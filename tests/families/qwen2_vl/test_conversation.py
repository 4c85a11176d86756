"""Through the engine: caches, chunks and sessions against a plain loop, and nothing computed twice."""

from __future__ import annotations

import mlx.core as mx
import pytest

from mlxvision.engine import Engine, Session
from mlxvision.engine.worker import shared_worker
from mlxvision.family import Model
from mlxvision.types import Message, Request, Sampling
from tests.fakes.plain import plain_answer
from tests.fakes.qwen import Tiny
from tests.fakes.toy import picture

WIDE, SMALL, TALL = picture(220, 20, 20, width=40, height=12), picture(10, 200, 30), picture(9, 9, 200, height=50)


@pytest.fixture(scope="module")
def model(tiny: Tiny) -> Model:
    return shared_worker().submit(lambda: Tiny(tiny.family, tiny.vision).model).result()


def user(text, *images):
    return Message("user", (*images, text))


CONVERSATIONS = {
    "no image": [user("hi")],
    "one image": [user("what is it?", SMALL)],
    "text first": [Message("user", ("look: ", WIDE, " what?"))],
    "three images": [user("compare", WIDE, SMALL, TALL)],
    "two turns": [user("what?", TALL), Message("assistant", ("no",)), user("and this?", WIDE)],
    "an image across two chunks": [Message("user", ("what? " * 73, WIDE, WIDE, "so?"))],
}


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_an_answer_is_that_of_a_plain_loop(model, name):
    messages = CONVERSATIONS[name]
    done = Engine().stream(model, Request(tuple(messages), Sampling(max_tokens=8))).result()
    assert [token.id for token in done.tokens] == plain_answer(model, messages, 8)


def test_turns_taken_back_and_forks_answer_like_a_plain_loop(model):
    session = Session(Engine(), model, "be kind")
    session.ask("what?", (WIDE,), Sampling(max_tokens=10))
    session.ask("and this?", (SMALL, TALL), Sampling(max_tokens=10))
    fork = session.fork()
    session.rewind()
    for one, turn in ((session, user("why?", SMALL)), (fork, user("so?", TALL)), (session, user("and?"))):
        before = one.messages
        done = one.ask(turn.content[-1], turn.content[:-1], Sampling(max_tokens=10))
        assert [token.id for token in done.tokens] == plain_answer(model, [*before, turn], 10)
        assert done.usage.cached_tokens > 20


def test_a_second_question_computes_only_its_own_tokens(model, monkeypatch):
    lengths, hidden = [], type(model.net).hidden

    def counting(net, tokens, cache):
        lengths.append(tokens.shape[1])
        return hidden(net, tokens, cache)

    monkeypatch.setattr(type(model.net), "hidden", counting)
    session = Session(Engine(), model)
    first = session.ask("what?", (WIDE, TALL), Sampling(max_tokens=1))
    n_image = first.usage.image_tokens
    assert sum(lengths) == first.usage.prompt_tokens > n_image > 16
    lengths.clear()
    second = session.ask("why?", (), Sampling(max_tokens=1))
    assert sum(lengths) == second.usage.prompt_tokens - second.usage.cached_tokens < 60
    assert second.usage.cached_tokens >= first.usage.prompt_tokens - 1


def test_images_change_the_answer(model):
    answers = {
        tuple(
            round(t.logprob, 3) for t in Engine().stream(model, Request((m,), Sampling(max_tokens=8))).result().tokens
        )
        for m in (user("what?", WIDE), user("what?", SMALL), user("what?", TALL), user("what?", WIDE, SMALL))
    }
    assert len(answers) == 4


def test_a_token_costs_one_evaluation(model, monkeypatch):
    counts = []
    for name in ("eval", "async_eval"):
        evaluate = getattr(mx, name)
        monkeypatch.setattr(mx, name, lambda *arrays, evaluate=evaluate: (counts.append(1), evaluate(*arrays)))

    def evaluations(n_tokens):
        counts.clear()
        request = Request((user("what?", WIDE),), Sampling(max_tokens=n_tokens, temperature=1.0, top_p=0.9, logprobs=3))
        return Engine().stream(model, request).result().usage.output_tokens, len(counts)

    (short, n_short), (long, n_long) = evaluations(2), evaluations(6)
    assert n_long - n_short == long - short > 0


def test_answers_of_a_batch_are_those_of_a_plain_loop(model):
    requests = [
        Request(tuple(messages), Sampling(max_tokens=4 + i)) for i, messages in enumerate(CONVERSATIONS.values())
    ]
    ended = dict(Engine().batch(model, [lambda request=request: request for request in requests]))
    for number, request in enumerate(requests):
        answer = plain_answer(model, request.messages, request.sampling.max_tokens)
        assert [token.id for token in ended[number].tokens] == answer


def test_a_page_is_read_from_sheets_in_a_batch(model):
    page = picture(0, 0, 0, width=400, height=300)
    request = Request((user("read", page),), Sampling(max_tokens=4), plan="zoom")
    assert Engine().stream(model, request).result().finish_reason in ("stop", "length", "repetition")


def test_a_conversation_longer_than_the_context_is_counted_with_its_images(model):
    from mlxvision.errors import UsageError

    images = (WIDE,) * 200
    with pytest.raises(UsageError, match="longer than the model's context"):
        Engine().stream(model, Request((user("all?", *images),))).result()
