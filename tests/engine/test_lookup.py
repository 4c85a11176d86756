"""What is guessed, that guesses change nothing but the number of forwards, and how many forwards there are."""

import random
from dataclasses import replace

import mlx.core as mx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlxvision.engine import Engine, ImageCache, Memory, answer
from mlxvision.engine.answer import Answer
from mlxvision.engine.lookup import Lookup, Rehearsal
from mlxvision.engine.worker import shared_worker
from mlxvision.types import Message, Request, Sampling, Token
from tests.fakes.small import small_mllama
from tests.fakes.toy import END, IMAGE, picture, random_model, scripted

RED, GREEN = picture(220, 20, 20), picture(10, 200, 30)
FORM = "Name: Anna Berg\nTown: Berlin\nDate: 2024-05-17\nTax: 19.71\nTotal: 123.45\n"
UNIQUE = bytes(32 + (7 * i * i + i // 90) % 90 for i in range(600))  # no three bytes stand twice


@pytest.fixture(autouse=True)
def on_gpu(monkeypatch):
    monkeypatch.setattr(answer, "pays", lambda: True)


@pytest.fixture
def unrehearsed(monkeypatch):
    monkeypatch.setattr(Rehearsal, "allows", lambda self, cache, tokens: True)


def user(text, *images):
    return Message("user", (*images, text))


def run(model, messages, sampling=Sampling(), memory=None, most=10_000):
    """One answer on the MLX thread, cancelled once so many tokens were given out, and the calls of the decoder."""
    given_out, lengths = [], []
    hidden = type(model.net).hidden

    class Counting(type(model.net)):
        def hidden(self, tokens, cache):
            lengths.append(tokens.shape[1])
            return hidden(self, tokens, cache)

    def emit(event):
        given_out.append(event) if isinstance(event, Token) else None

    request = Request(tuple(messages), sampling)
    interruption = lambda: "cancelled" if len(given_out) >= most else None  # noqa: E731
    one = Answer(model, request, memory or Memory(), ImageCache(), emit, interruption)
    kind, model.net.__class__ = model.net.__class__, Counting
    try:
        done = shared_worker().submit(one.run).result()
    finally:
        model.net.__class__ = kind
    assert tuple(given_out) == done.tokens
    return done, lengths


def plain(model, messages, sampling=Sampling(), most=10_000):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answer, "pays", lambda: False)
        return run(model, messages, sampling, most=most)


def assert_same(done, expected):
    assert (done.text, done.finish_reason) == (expected.text, expected.finish_reason)
    assert [(token.id, token.text) for token in done.tokens] == [(token.id, token.text) for token in expected.tokens]
    for a, b in zip(done.tokens, expected.tokens, strict=True):
        assert a.logprob == pytest.approx(b.logprob, abs=1e-5)
        assert [other[:2] for other in a.alternatives] == [other[:2] for other in b.alternatives]
        assert [other[2] for other in a.alternatives] == pytest.approx([other[2] for other in b.alternatives], abs=1e-5)
    assert replace(done.usage, cached_tokens=0) == replace(expected.usage, cached_tokens=0)


def test_what_followed_the_same_tokens_is_guessed_but_for_the_token_that_is_under_way():
    assert Lookup([1, 2, 3, *range(4, 12), 1, 2, 3]).guess() == [5, 6, 7, 8, 9, 10, 11]


def test_what_followed_last_counts():
    assert Lookup([1, 2, 3, 4, 5, 1, 2, 3, 6, 7, 1, 2, 3]).guess()[:2] == [7, 1]


def test_a_longer_match_counts_more_than_a_later_one():
    assert Lookup([9, 1, 2, 3, 4, 5, 8, 1, 2, 3, 6, 7, 9, 1, 2, 3]).guess()[:2] == [5, 8]


def test_a_guess_repeats_what_repeats():
    assert Lookup([1, 2, 3, 1, 2, 3]).guess() == [2, 3, 1, 2, 3, 1, 2]


def test_after_a_guess_that_was_not_worth_it_a_longer_match_is_needed():
    lookup = Lookup([*range(40), 0, 1, 2])
    assert lookup.guess()
    for token in (3, 99, 10, 11, 12, 13, 14):  # none of seven was right
        lookup.add(token)
        assert not lookup.guess()
    lookup.add(15)
    assert lookup.guess() == [17, 18, 19, 20, 21, 22, 23]


@pytest.mark.parametrize("tokens", [[], [1], [1, 1], [1, 2, 1, 2], [1, 2, 3, 4, 2, 3]])
def test_nothing_is_guessed_from_two_tokens(tokens):
    assert Lookup(tokens).guess() == []


def simulate(prompt, tokens):
    """-> rows of each forward, and how many guesses were right in part and not at all."""
    lookup, i, rows, hits, misses = Lookup(prompt), 0, [], 0, 0
    while i < len(tokens):
        guess = lookup.guess()
        rows.append(1 + len(guess))
        agreed = next((n for n, (a, b) in enumerate(zip(guess, tokens[i + 1 :], strict=False)) if a != b), len(guess))
        hits, misses = hits + bool(agreed), misses + (bool(guess) and not agreed)
        for token in tokens[i : i + 1 + agreed]:
            lookup.add(token)
        i += 1 + agreed
    return rows, hits, misses


@given(st.integers(1, 8), st.integers(0, 1 << 30))
@settings(max_examples=50)
def test_guesses_that_are_all_wrong_are_few(n_letters, seed):
    draw = random.Random(seed)
    tokens = [draw.randrange(n_letters) for _ in range(300)]
    while len(tokens) < 1000:  # and passages that begin like earlier ones and go on otherwise
        start = draw.randrange(len(tokens) - 40)
        tokens += [*tokens[start : start + draw.randrange(3, 40)], draw.randrange(1000)]
    rows, hits, misses = simulate([], tokens)
    assert misses <= hits + 5 + len(tokens) // 50
    assert len(rows) <= len(tokens)


def test_guesses_against_one_who_knows_them_are_few():
    """Every passage goes on as before until something is guessed."""
    passage = list(range(1000))
    lookup, tokens, wrong, misses = Lookup(passage), iter(passage), False, 0
    for n in range(1, 5000):
        guess = lookup.guess()
        misses += bool(guess)
        if wrong:
            tokens = iter(passage[n % 900 :])
        lookup.add(-n if wrong else next(tokens))
        wrong = bool(guess)
    assert 4 < misses < 5000 * 0.02


@pytest.fixture(scope="module")
def mllama():
    return small_mllama(0)


@pytest.fixture(scope="module")
def mllama_8():
    """One that remembers text in 8 bits."""
    return small_mllama(0, 8)


@pytest.mark.usefixtures("unrehearsed")
@given(
    st.integers(0, 5),
    st.text("abc \n", max_size=40),
    st.lists(st.sampled_from([RED, GREEN]), max_size=2),
    st.integers(1, 90),
    st.lists(st.text(" 8WqX", min_size=1, max_size=2), max_size=1),
    st.integers(0, 90) | st.just(10_000),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_answer_is_what_it_is_without_guesses(seed, text, images, max_tokens, stop, most):
    model, sampling = random_model(seed=seed), Sampling(max_tokens, stop=tuple(stop), logprobs=3)
    messages = [user(text, *images)]
    memory = Memory()
    done, lengths = run(model, messages, sampling, memory, most)
    expected, plain_lengths = plain(model, messages, sampling, most)
    assert_same(done, expected)
    assert len(lengths) <= len(plain_lengths)
    assert_right(memory, model, messages, done)


def assert_right(memory, model, messages, done):
    """What is remembered is what was said, and the next answer is as if nothing had been."""
    n_prompt = done.usage.prompt_tokens
    assert memory.tokens[n_prompt:] == [token.id for token in done.tokens][: len(memory.tokens) - n_prompt]
    if memory.cache:
        assert memory.cache.offset == len(memory.tokens)
    turns, few = [*messages, Message("assistant", (done.text,)), user("and?", GREEN)], Sampling(6, logprobs=3)
    assert_same(run(model, turns, few, memory)[0], plain(model, turns, few)[0])


@pytest.mark.usefixtures("unrehearsed")
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", ["toy", "mllama", "8 bits"])
def test_whatever_is_guessed_changes_no_answer(name, seed, mllama, mllama_8, monkeypatch):
    draw = random.Random(seed)
    model = random_model(seed=seed) if name == "toy" else mllama if name == "mllama" else mllama_8
    other = IMAGE if name == "toy" else model.family.image_token(model.config)
    messages = [user("what? " + "x" * seed, *[RED, GREEN][: seed % 3])]
    sampling, most = Sampling(40, logprobs=3), draw.choice([13, 27, 10_000])
    expected, plain_lengths = plain(model, messages, sampling, most)
    ids, n_prompt, wrong = [token.id for token in expected.tokens], expected.usage.prompt_tokens, []

    def guess(lookup):
        """Right, but often not to its end."""
        start = len(lookup.tokens) - n_prompt + 1
        guess = ids[start : start + draw.randrange(8)]
        if guess and draw.random() < 0.7:
            wrong.append(True)
            guess[draw.randrange(len(guess))] = draw.choice([65, END, other])
        return guess

    memory = Memory()
    with monkeypatch.context() as patch:
        patch.setattr(Lookup, "guess", guess)
        done, lengths = run(model, messages, sampling, memory, most)
    assert_same(done, expected)
    assert wrong
    assert len(lengths) < len(plain_lengths)
    assert_right(memory, model, messages, done)


@pytest.mark.usefixtures("unrehearsed")
def test_an_answer_that_repeats_the_prompt_takes_few_forwards():
    done, lengths = run(scripted(FORM * 3), [user(FORM)])
    assert done.text == FORM * 3
    assert len(lengths) < len(done.tokens) / 5


@pytest.mark.usefixtures("unrehearsed")
def test_an_answer_whose_parts_are_alike_takes_fewer_forwards():
    rows = "".join(f'{{"item": "{name}", "price": 1.50}}, ' for name in ["tea", "soup", "cake", "ale", "bread", "rice"])
    done, lengths = run(scripted(rows), [user("hi")])
    assert done.text == rows
    assert len(lengths) < len(done.tokens) / 1.5


@pytest.mark.usefixtures("unrehearsed")
def test_an_answer_that_never_repeats_costs_what_it_costs_without_guesses(monkeypatch):
    model, counts = scripted(UNIQUE), []
    for name in ("eval", "async_eval"):
        evaluate = getattr(mx, name)
        monkeypatch.setattr(mx, name, lambda *arrays, evaluate=evaluate: (counts.append(1), evaluate(*arrays)))
    done, lengths = run(model, [user("hi")])
    assert len(done.tokens) == 512
    assert lengths[1:] == [1] * 511
    assert len(counts) == 1 + 512


@pytest.mark.usefixtures("unrehearsed")
@pytest.mark.parametrize("n_words", [2, 5, 20])
def test_no_answer_takes_more_forwards_than_without_guesses(n_words):
    """Words that come again, each time with others behind them."""
    draw = random.Random(n_words)
    words = ["".join(draw.choices("abcdef", k=6)) for _ in range(n_words)]
    model = scripted(" ".join(draw.choices(words, k=60)))
    done, lengths = run(model, [user("hi")])
    expected, plain_lengths = plain(model, [user("hi")])
    assert_same(done, expected)
    assert len(lengths) <= len(plain_lengths)


@pytest.mark.parametrize("sampling", [Sampling(temperature=0.5), Sampling(repetition_penalty=1.1)])
def test_nothing_is_looked_up_unless_answers_are_greedy(sampling, monkeypatch):
    monkeypatch.setattr(answer, "Lookup", None)
    _, lengths = run(scripted(FORM), [user(FORM)], sampling)
    assert set(lengths[1:]) == {1}


def test_nothing_is_looked_up_where_guesses_do_not_pay(monkeypatch):
    monkeypatch.setattr(answer, "Lookup", None)
    assert plain(scripted(FORM), [user(FORM)])[0].text == FORM


@pytest.mark.usefixtures("unrehearsed")
def test_a_run_that_was_guessed_can_be_cancelled_at_every_token():
    model, expected = scripted(FORM), plain(scripted(FORM), [user(FORM)])[0]
    for most in range(1, len(FORM)):
        memory = Memory()
        done, _ = run(model, [user(FORM)], memory=memory, most=most)
        assert (done.text, done.finish_reason) == (FORM[:most], "cancelled")
        assert [token.id for token in done.tokens] == [token.id for token in expected.tokens[:most]]
        assert memory.cache.offset == len(memory.tokens) == done.usage.prompt_tokens + most


@pytest.mark.usefixtures("unrehearsed")
def test_a_stream_that_is_cancelled_while_a_guess_is_computed_ends_with_the_next_token():
    model = scripted(FORM)

    def cancel():
        if model.net.log.lengths[-1] == 8:
            stream.cancel()

    stream = Engine().stream(model, Request((user(FORM),)))
    model.net.log.on_hidden = cancel
    done = stream.result()
    assert done.finish_reason == "cancelled"
    assert done.text == FORM[: len(done.tokens)] != ""
    assert model.net.log.lengths.count(8) == 1


def test_guesses_wait_for_a_rehearsal_that_is_paid_for():
    script = FORM * 6
    done, lengths = run(scripted(script), [user(FORM)])
    assert done.text == script
    assert lengths[1:51] == [1] * 50
    first = lengths.index(8)
    assert first > 50
    assert lengths[first + 1] == 8  # and then the first guess
    assert len(lengths) < len(done.tokens) / 2


def test_rehearsals_are_one_forward_in_fifty():
    """No three tokens stand twice, so that there is nothing but rehearsals, and the context doubles four times."""
    _, lengths = run(scripted(UNIQUE), [user("hi")])
    n_rehearsed = sum(length > 1 for length in lengths[1:])
    assert 1 < n_rehearsed <= len(lengths) // 50
    assert len(lengths) - n_rehearsed == 512


def test_a_net_that_rounds_otherwise_where_tokens_are_together_is_not_guessed():
    class Rounding(type(scripted(FORM).net)):
        def logits(self, hidden):
            return super().logits(hidden) * (1 + 1e-6 * (hidden.shape[1] > 1))

    model = scripted(FORM * 6)
    model.net.__class__ = Rounding
    done, lengths = run(model, [user(FORM)])
    assert done.text == FORM * 6
    assert [length for length in lengths[1:] if length > 1] == [8] * 2  # again when the context has doubled


def test_nothing_is_guessed_across_a_length_where_kernels_may_change():
    net = scripted(FORM).net
    allowed = shared_worker().submit(lambda: allowed_lengths(net, range(300, 600))).result()
    assert allowed == [*range(350, 504), *range(519, 600)]


def allowed_lengths(net, lengths):
    """Those at which may be guessed, one token after the other."""
    rehearsal, cache, tokens = Rehearsal(net), net.make_cache(), [*range(32, 96)] * 10
    net.hidden(mx.array([tokens[: lengths[0]]]), cache)
    allowed = []
    for n in lengths:
        allowed += [n] if rehearsal.allows(cache, tokens[:n]) else []
        rehearsal.add(net.logits(net.hidden(mx.array([tokens[n : n + 1]]), cache))[0])
    return allowed


def test_a_real_decoder_says_what_it_says_without_guesses(mllama):
    """Whether it may be guessed is for the rehearsal to tell."""
    messages, sampling = [user("abc " * 30, RED)], Sampling(200, logprobs=1)
    done, _ = run(mllama, messages, sampling)
    expected, _ = plain(mllama, messages, sampling)
    assert [token.id for token in done.tokens] == [token.id for token in expected.tokens]
    assert [token.logprob for token in done.tokens] == [token.logprob for token in expected.tokens]
