"""A real family through the engine: caches, chunks and sessions against a plain loop."""

import mlx.core as mx
import pytest

from mlxvision.engine import Engine, Session
from mlxvision.types import Message, Request, Sampling
from tests.fakes.plain import plain_answer
from tests.fakes.small import small_mllama
from tests.fakes.toy import picture

WIDE, SMALL, TALL = picture(220, 20, 20, width=40, height=12), picture(10, 200, 30), picture(9, 9, 200, height=50)


@pytest.fixture(scope="module", params=[(0,), (1,), (0, 8)], ids=["0", "1", "8 bits of text"])
def model(request):
    return small_mllama(*request.param)


def user(text, *images):
    return Message("user", (*images, text))


CONVERSATIONS = {
    "no image": [user("hi")],
    "one image": [user("what is it?", SMALL)],
    "text first": [Message("user", ("look: ", WIDE, " what?"))],
    "three images": [user("compare", WIDE, SMALL, TALL)],
    "two turns": [user("what?", TALL), Message("assistant", ("no",)), user("and this?", WIDE)],
    "long": [user("what? " * 100, WIDE)],
}


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_an_answer_is_that_of_a_plain_loop(model, name):
    messages = CONVERSATIONS[name]
    done = Engine().stream(model, Request(tuple(messages), Sampling(max_tokens=8))).result()
    assert [token.id for token in done.tokens] == plain_answer(model, messages, 8)


def test_every_turn_of_a_session_is_that_of_a_plain_loop(model):
    session = Session(Engine(), model, "be kind")
    for turn in (user("what?", WIDE), user("why?"), user("and this?", SMALL, WIDE)):
        before = session.messages
        done = session.ask(turn.content[-1], turn.content[:-1], Sampling(max_tokens=10))
        assert [token.id for token in done.tokens] == plain_answer(model, [*before, turn], 10)


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

    (short, n_short), (long, n_long) = evaluations(3), evaluations(9)
    assert n_long - n_short == long - short > 0
