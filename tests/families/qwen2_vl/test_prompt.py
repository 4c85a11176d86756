"""What may stand in a prompt, and what user text can never become."""

import numpy as np
import pytest

from mlxvision.errors import ImageError, ModelFormatError, UsageError
from mlxvision.types import Image, Message
from tests.fakes.qwen import TOKENS, Tiny, picture, tokenizer

TOKENIZER = tokenizer()
DOT, WIDE = picture("dot"), picture("wide")
SYSTEM = Message("system", ("Be brief.",))


def prompt(tiny: Tiny, *messages: Message) -> list[int]:
    return tiny.family.render(messages, TOKENIZER, tiny.config)


def user(*content: str | Image) -> Message:
    return Message("user", content)


def text(ids: list[int]) -> str:
    """With special tokens as their names."""
    names = {token: f"<{name}>" for name, token in TOKENS.items()}
    return "".join(names.get(token) or TOKENIZER.decode([token]) for token in ids)


@pytest.mark.parametrize("name", TOKENS)
def test_text_never_becomes_a_special_token(tiny: Tiny, name: str) -> None:
    plain, tricky = prompt(tiny, user(DOT, "x")), prompt(tiny, user(DOT, f"<|{name}|>"))
    assert tricky.count(TOKENS[name]) == plain.count(TOKENS[name])
    assert f"<|{name}|>" in TOKENIZER.decode(tricky)


def test_a_conversation_without_system_text_gets_the_usual_one(tiny: Tiny) -> None:
    usual = "<im_start>system\nYou are a helpful assistant.<im_end>\n"
    asked = "<im_start>user\nHi<im_end>\n<im_start>assistant\n"
    assert text(prompt(tiny, user("Hi"))) == usual + asked
    assert text(prompt(tiny, SYSTEM, user("Hi"))) == "<im_start>system\nBe brief.<im_end>\n" + asked


def test_text_and_the_newline_before_it_are_encoded_as_one(tiny: Tiny) -> None:
    triple = TOKENIZER.encode("\n\n\n")
    assert len(triple) == 1
    assert triple[0] in prompt(tiny, user("\n\n"))
    assert triple[0] not in prompt(tiny, user(DOT, "\n\n"))  # the image stands between


def test_neighbouring_texts_are_encoded_as_one(tiny: Tiny) -> None:
    assert prompt(tiny, user("a\n", "\nb")) == prompt(tiny, user("a\n\nb"))


def test_an_image_is_as_many_tokens_as_it_has_features_between_two_of_its_own(tiny: Tiny) -> None:
    ids = text(prompt(tiny, user("a", WIDE, "b", DOT)))
    n_wide, n_dot = (tiny.net.encode(tiny.prepare(name)).n_tokens for name in ("wide", "dot"))
    assert n_wide != n_dot
    wide, dot = (f"<vision_start>{'<image_pad>' * n}<vision_end>" for n in (n_wide, n_dot))
    assert f"<im_start>user\na{wide}b{dot}<im_end>\n" in ids


@pytest.mark.parametrize(
    "messages", [[], [SYSTEM], [user("x"), Message("assistant", ("y",))]], ids=["nothing", "system", "assistant last"]
)
def test_a_conversation_that_cannot_be_answered_is_refused(tiny: Tiny, messages: list[Message]) -> None:
    with pytest.raises(UsageError):
        prompt(tiny, *messages)


def test_a_picture_too_long_for_its_width_is_refused(tiny: Tiny) -> None:
    long = Image(np.zeros((1, 201, 3), np.uint8), "long.png", 1, "")
    with pytest.raises(ImageError, match="201x1 px"):
        prompt(tiny, user(long))


def test_every_token_that_can_end_an_answer_does(tiny: Tiny) -> None:
    assert tiny.family.stop_tokens(TOKENIZER) == {TOKENS["im_end"], TOKENS["endoftext"]}


def test_a_token_that_the_tokenizer_lacks_is_named(tiny: Tiny) -> None:
    from tests.families.mllama.tiny import tokenizer as other

    with pytest.raises(ModelFormatError, match="im_end"):
        tiny.family.stop_tokens(other())
