from itertools import count
from threading import Event as Flag

import pytest

from mlxvision.engine import Engine, ImageCache, Memory, Session
from mlxvision.engine.answer import Answer
from mlxvision.engine.worker import shared_worker
from mlxvision.errors import UsageError
from mlxvision.types import Message, Request, Sampling
from tests.fakes.toy import END, picture, random_model, scripted

RED, GREEN = picture(220, 20, 20), picture(10, 200, 30)
SHORT = Sampling(max_tokens=15, logprobs=3)


def user(text, *images):
    return Message("user", (*images, text))


def run(model, messages, memory=None, cancelled=lambda: False, sampling=SHORT):
    """One answer on the MLX thread; cancelled is looked at between its steps."""
    request = Request(tuple(messages), sampling)
    memory = memory or Memory()
    answer = Answer(
        model, request, memory, ImageCache(), lambda event: None, lambda: "cancelled" if cancelled() else None
    )
    return shared_worker().submit(answer.run).result()


def assert_same(done, fresh):
    assert [token.id for token in done.tokens] == [token.id for token in fresh.tokens]
    assert done.text == fresh.text
    assert done.finish_reason == fresh.finish_reason
    assert [token.logprob for token in done.tokens] == pytest.approx([t.logprob for t in fresh.tokens], abs=1e-4)


def conversation(model, turns, system=""):
    """Every answer of a session, and of the same messages asked afresh."""
    session = Session(Engine(), model, system)
    for turn in turns:
        before = session.messages
        yield session.ask(turn.content[-1], turn.content[:-1], SHORT), run(model, [*before, turn])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "turns",
    [
        [user("hi"), user("and you?"), user("x")],
        [user("what?", RED), user("which colour?"), user("sure?")],
        [user("what?", RED), user("and this?", GREEN), user("both?")],
        [user("none"), user("what?", RED), user("again?", RED)],
        [user("compare", RED, GREEN, RED), user("why?"), user("and?", GREEN)],
    ],
    ids=["text", "one image", "two images", "image later", "many images"],
)
def test_a_conversation_answers_like_fresh_requests(seed, turns):
    model = random_model(seed=seed)
    texts = set()
    for done, fresh in conversation(model, turns, "be kind"):
        assert_same(done, fresh)
        texts.add(done.text)
    assert len(texts) > 1


def test_images_change_answers():
    model = random_model()
    texts = {run(model, [user("what?", *images)]).text for images in ((), (RED,), (GREEN,), (RED, GREEN), (GREEN, RED))}
    assert len(texts) == 5


def test_a_second_question_costs_only_its_own_tokens():
    model = scripted("an answer")
    session = Session(Engine(), model)
    session.ask("the first question", (RED,))
    model.net.log.lengths.clear()
    done = session.ask("why?")
    # What followed the answer's stop token: the user's header, 4 bytes, the end, the assistant's header.
    assert model.net.log.lengths[0] == 1 + 4 + 1 + 1
    assert done.usage.cached_tokens == done.usage.prompt_tokens - 7
    assert model.net.log.n_encoded == 1


def test_a_second_question_after_a_full_length_answer_costs_one_token_more():
    model = scripted("an answer")
    session = Session(Engine(), model)
    session.ask("first", (), Sampling(max_tokens=5))
    model.net.log.lengths.clear()
    session.ask("why?")
    assert model.net.log.lengths[0] == 1 + 1 + 1 + 4 + 1 + 1  # the last token of the answer, its end, and as above


def test_an_answer_that_reads_back_as_other_tokens_is_computed_anew():
    model = scripted(b"\xff\xfe")
    session = Session(Engine(), model)
    first = session.ask("one")
    second = session.ask("two")
    assert second.usage.cached_tokens == first.usage.prompt_tokens
    assert_same(second, run(model, [*session.messages[:-1]], sampling=Sampling()))
    assert first.text == "\ufffd\ufffd"


def test_a_cut_answer_is_what_the_conversation_remembers():
    model = scripted("yes. But no")
    session = Session(Engine(), model)
    session.ask("one", (), Sampling(stop=(".",)))
    assert session.messages[-1] == Message("assistant", ("yes",))
    done = session.ask("two")
    assert done.usage.cached_tokens == 1 + 3 + 1 + 1 + len("yes")
    assert_same(done, run(model, session.messages[:-1], sampling=Sampling()))


def test_an_image_is_encoded_once_however_often_it_is_shown():
    model = random_model()
    session = Session(Engine(), model)
    session.ask("both?", (RED, RED), SHORT)
    session.ask("again", (picture(220, 20, 20),), SHORT)
    assert model.net.log.n_encoded == 1
    session.ask("new", (GREEN,), SHORT)
    assert model.net.log.n_encoded == 2


def test_another_image_at_the_same_place_starts_over():
    model, memory = random_model(), Memory()
    run(model, [user("what?", RED)], memory)
    done = run(model, [user("what?", GREEN), Message("assistant", ("x",)), user("so?")], memory)
    assert done.usage.cached_tokens == 1  # the user's header
    assert_same(done, run(model, [user("what?", GREEN), Message("assistant", ("x",)), user("so?")]))


def test_the_same_request_again_gives_the_same_answer():
    model, memory = random_model(), Memory()
    first = run(model, [user("what?", RED)], memory)
    assert_same(run(model, [user("what?", RED)], memory), first)


def test_a_long_prompt_is_computed_in_chunks_and_answered_the_same():
    model = random_model()
    first, second = "x" * 700, "y" * 1100
    (a, fresh_a), (b, fresh_b) = conversation(model, [user(first, RED), user(second)])
    assert_same(a, fresh_a)
    assert_same(b, fresh_b)
    assert max(model.net.log.lengths) == 512


def test_a_refused_question_leaves_the_conversation_as_it_was():
    model = random_model(context_length=200)
    session = Session(Engine(), model, "be kind")
    session.ask("one", (RED,), SHORT)
    before = session.messages
    for question, sampling in (("x" * 300, SHORT), ("\ud800", SHORT), ("two", Sampling(max_tokens=0))):
        with pytest.raises(UsageError):
            session.ask(question, (), sampling)
        assert session.messages == before
    done = session.ask("two", (), SHORT)
    assert done.usage.cached_tokens > 0
    assert_same(done, run(model, [*before, user("two")]))


class _BrokenNet(Exception):
    pass


def test_a_failed_turn_leaves_the_conversation_usable():
    model = random_model()
    for failing_call in (1, 2, 5):
        session = Session(Engine(), model)
        session.ask("one", (RED,), SHORT)
        calls = count(1)

        def fail(calls=calls, failing_call=failing_call):
            if next(calls) == failing_call:
                raise _BrokenNet

        model.net.log.on_hidden = fail
        before = session.messages
        with pytest.raises(_BrokenNet):
            session.ask("two", (GREEN,), SHORT)
        model.net.log.on_hidden = lambda: None
        assert session.messages == before
        assert_same(session.ask("three", (GREEN,), SHORT), run(model, [*before, user("three", GREEN)]))


def test_a_request_that_goes_on_from_a_failed_one_computes_everything_anew():
    model, memory = random_model(), Memory()

    def fail_in_the_second_chunk():
        if len(model.net.log.lengths) == 2:
            raise _BrokenNet

    model.net.log.on_hidden = fail_in_the_second_chunk
    question = user("x" * 700, RED)
    with pytest.raises(_BrokenNet):
        run(model, [question], memory)
    turns = [question, Message("assistant", ("no",)), user("two", GREEN)]
    done = run(model, turns, memory)
    assert done.usage.cached_tokens == 0
    assert_same(done, run(model, turns))


def test_a_prompt_cancelled_between_its_chunks_is_continued():
    model, memory, steps = random_model(), Memory(), count()
    turns = [user("x" * 1500)]
    run(model, turns, memory, lambda: next(steps) >= 2)
    done = run(model, turns, memory)
    assert done.usage.cached_tokens == 1024
    assert_same(done, run(model, turns))


FIRST = [user("first " * 100, RED)]
OTHERS = [
    [*FIRST, Message("assistant", ("no",)), user("y" * 600, GREEN)],
    [user("x" * 600, GREEN)],
    [user("x" * 600, GREEN, RED)],
    [user("f", RED)],
]


@pytest.mark.parametrize("other", OTHERS, ids=range(len(OTHERS)))
@pytest.mark.parametrize("last", [*OTHERS, FIRST], ids=range(len(OTHERS) + 1))
def test_a_turn_cancelled_at_any_point_leaves_the_conversation_right(other, last):
    model = random_model()
    few = Sampling(max_tokens=4, logprobs=3)
    fresh = run(model, last, sampling=few)
    for n_steps in count():
        memory, steps = Memory(), count()
        run(model, FIRST, memory, sampling=few)
        cancelled = run(model, other, memory, lambda steps=steps, n=n_steps: next(steps) >= n, few)
        assert_same(run(model, last, memory, sampling=few), fresh)
        if cancelled.finish_reason != "cancelled":
            break
    assert n_steps > 4


def test_a_cancelled_answer_can_be_continued():
    model, memory, steps = scripted("an answer"), Memory(), count()
    cut = run(model, [user("hi")], memory, lambda: next(steps) >= 4)
    assert (cut.finish_reason, cut.text) == ("cancelled", "an ")
    turns = [user("hi"), Message("assistant", (cut.text,)), user("go on")]
    done = run(model, turns, memory)
    assert done.usage.cached_tokens == 5 + 3
    assert_same(done, run(model, turns))


def test_a_session_that_is_interrupted_stops_its_work(monkeypatch):
    """What the user's interrupt does in the thread that waits."""
    model = scripted("an answer")
    session = Session(Engine(), model)

    def interrupt(self, timeout=None):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("concurrent.futures.Future.result", interrupt)
        with pytest.raises(KeyboardInterrupt):
            session.ask("one")
    assert session.messages == ()
    assert session.ask("two").tokens[-1].id == END


def test_a_turn_that_was_taken_back_leaves_no_trace():
    model = random_model()
    session = Session(Engine(), model, "be kind")
    session.ask("what?", (RED,), SHORT)
    before = session.messages
    for n_turns, questions in ((1, ["why?"]), (2, ["and?", "so?"])):
        for question in questions:
            session.ask(question, (GREEN,), SHORT)
        session.rewind(n_turns)
        assert session.messages == before
    done = session.ask("where?", (RED,), SHORT)
    assert_same(done, run(model, [*before, user("where?", RED)]))
    assert done.usage.cached_tokens > len("be kind") + len("what?")
    session.rewind(2)
    assert_same(session.ask("what?", (RED,), SHORT), run(model, [before[0], user("what?", RED)]))


@pytest.mark.parametrize("n_turns", [-1, 2])
def test_only_turns_that_were_can_be_taken_back(n_turns):
    session = Session(Engine(), scripted("yes"), "be kind")
    session.ask("one")
    with pytest.raises(UsageError, match="up to 1"):
        session.rewind(n_turns)
    session.rewind(0)
    assert len(session.messages) == 3
    session.rewind()
    assert len(session.messages) == 1


def test_a_fork_goes_on_from_what_was_computed_and_changes_nothing():
    model = random_model()
    session = Session(Engine(), model)
    session.ask("what?", (RED,), SHORT)
    fork = session.fork()
    model.net.log.lengths.clear()
    for one, image, question in ((fork, GREEN, "why?"), (session, RED, "where?"), (fork, RED, "when?")):
        before = one.messages
        n_encoded = model.net.log.n_encoded
        done = one.ask(question, (image,), SHORT)
        assert done.usage.cached_tokens > len("what?")
        assert model.net.log.n_encoded == n_encoded + (image is GREEN)
        assert_same(done, run(model, [*before, user(question, image)]))
    assert (len(session.messages), len(fork.messages)) == (4, 6)


def test_a_question_asked_otherwise_keeps_what_comes_before_it():
    model, memory = random_model(), Memory()
    run(model, [user("what is it?", RED, GREEN)], memory)
    for turns, n_cached in (
        ([user("what was it?", RED, GREEN)], 1 + 2 + len("what ")),
        ([user("what was it?", RED, RED)], 1 + 1),
        ([user("what was it?", RED)], 1 + 1),
        ([user("what was it?", GREEN, RED)], 1),
        ([user("what was it?")], 1),
    ):
        done = run(model, turns, memory)
        assert done.usage.cached_tokens == n_cached
        assert_same(done, run(model, turns))


def test_an_answer_that_was_stopped_stays_as_far_as_it_came():
    model, begun = scripted("an answer"), Flag()
    session = Session(Engine(), model)
    model.net.log.on_hidden = lambda: begun.wait() and len(model.net.log.lengths) == 4 and session.cancel()
    events = session.stream("hi")
    next(events)
    begun.set()
    *_, done = events
    assert (done.finish_reason, done.text) == ("cancelled", "an ")
    assert session.messages[-1] == Message("assistant", ("an ",))
    assert session.ask("go on").text == "an answer"


def test_leaving_an_answer_leaves_the_conversation_as_it_was():
    session = Session(Engine(), scripted("an answer"))
    for _ in session.stream("hi"):
        break
    assert session.messages == ()
    assert session.ask("hi").text == "an answer"
