import pytest

from mlxvision.engine import Engine
from mlxvision.types import Message, Request, Sampling, Token
from tests.fakes.plain import plain_answer
from tests.fakes.toy import END, byte_tokenizer, random_model, scripted

WIDE = "Grüße, 日本語, 👩‍👩‍👧 and 🇨🇭!"


def answer(script, **sampling):
    return Engine().stream(scripted(script), Request((Message("user", ("hi",)),), Sampling(**sampling))).result()


def test_a_stop_token_ends_the_answer_and_has_no_text():
    done = answer("four")
    assert (done.text, done.finish_reason, done.tokens[-1].id, done.tokens[-1].text) == ("four", "stop", END, "")


def test_the_length_ends_the_answer():
    done = answer("four", max_tokens=3)
    assert (done.text, done.finish_reason, len(done.tokens)) == ("fou", "length", 3)


def test_a_stop_token_that_is_also_the_last_one_is_a_stop():
    assert answer("four", max_tokens=5).finish_reason == "stop"


@pytest.mark.parametrize(
    ("script", "stop", "text"),
    [
        ("Total: 12\nThanks", ("\n",), "Total: 12"),
        ("Total: 12\n\nThanks", ("\n\n",), "Total: 12"),
        ("one END two", ("two", "END"), "one "),
        ("one END two", ("ND", "END"), "one "),
        ("END", ("END",), ""),
        ("aaab", ("aab",), "a"),
        ("Grüße an alle", ("ße",), "Grü"),
        ("Grüße an alle", ("ü",), "Gr"),
        ("👩‍👩‍👧 x", ("‍",), "👩"),
    ],
)
def test_a_stop_string_ends_the_answer_before_itself(script, stop, text):
    done = answer(script, stop=stop)
    assert (done.text, done.finish_reason) == (text, "stop")
    assert "".join(token.text for token in done.tokens) == text


@pytest.mark.parametrize("max_tokens", [512, 8])
def test_the_beginning_of_a_stop_string_is_given_out_at_the_end(max_tokens):
    assert answer("wait: EN", stop=("END",), max_tokens=max_tokens).text == "wait: EN"


def test_a_stop_string_found_with_the_last_token_is_a_stop():
    done = answer("abcd", stop=("cd",), max_tokens=4)
    assert (done.text, done.finish_reason) == ("ab", "stop")


def test_a_stop_string_found_when_the_rest_is_given_out_is_a_stop():
    done = answer(b"ab\xf0\x9f", stop=("\N{REPLACEMENT CHARACTER}",), max_tokens=4)
    assert (done.text, done.finish_reason) == ("ab", "stop")


def test_a_loop_ends_as_repetition():
    done = answer("Keywords: " + "receipt, " * 100)
    assert done.finish_reason == "repetition"
    assert len(done.tokens) < 10 + 9 * 20


@pytest.mark.parametrize("script", ["-" * 60, "1 x Coffee to go         3.90\n" * 6, "0" * 100])
def test_repetition_as_on_paper_is_no_loop(script):
    done = answer(script)
    assert (done.text, done.finish_reason) == (script, "stop")


def test_characters_come_whole():
    stream = Engine().stream(scripted(WIDE), Request((Message("user", ("hi",)),)))
    texts = [event.text for event in stream if isinstance(event, Token)]
    assert "".join(texts) == WIDE
    assert [text for text in texts if text] == list(WIDE)


def test_every_length_gives_the_characters_that_are_complete_and_one_sign_for_the_rest():
    raw = WIDE.encode()
    for n in range(1, len(raw)):
        done = answer(raw, max_tokens=n)
        whole = raw[:n].decode(errors="ignore")
        rest = done.text.removeprefix(whole)
        assert set(rest) == (set() if whole.encode() == raw[:n] else {"\N{REPLACEMENT CHARACTER}"})


def test_bytes_that_are_no_text_become_replacement_characters():
    done = answer(b"a\xff\xfeb\x80c")
    assert done.text == b"a\xff\xfeb\x80c".decode(errors="replace")


def test_a_replacement_character_of_the_models_own_is_kept():
    assert answer("a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}").text == "a\ufffdb\ufffd"


def test_alternatives_are_ordered_and_include_the_greedy_token():
    request = Request((Message("user", ("hi",)),), Sampling(max_tokens=10, logprobs=4))
    done = Engine().stream(random_model(), request).result()
    for token in done.tokens:
        assert len(token.alternatives) == 4
        assert token.alternatives[0] == (token.id, byte_tokenizer().decode([token.id]), token.logprob)
        logprobs = [logprob for _, _, logprob in token.alternatives]
        assert logprobs == sorted(logprobs, reverse=True)


def test_the_seed_decides_the_answer():
    model, engine = random_model(), Engine()

    def ids(seed):
        request = Request((Message("user", ("hi",)),), Sampling(max_tokens=20, temperature=1.0, seed=seed))
        return [token.id for token in engine.stream(model, request).result().tokens]

    assert ids(1) == ids(1) != ids(2)


@pytest.mark.parametrize("penalty", [1.0, 1.5])
def test_a_greedy_answer_is_that_of_a_plain_loop(penalty):
    """The prompt is full of the letters that the answer could use: the penalty is not for those."""
    for seed in range(3):
        model, messages = random_model(seed=seed), (Message("user", (bytes(range(32, 127)).decode(),)),)
        request = Request(messages, Sampling(max_tokens=25, repetition_penalty=penalty))
        done = Engine().stream(model, request).result()
        assert [token.id for token in done.tokens] == plain_answer(model, messages, 25, penalty)
