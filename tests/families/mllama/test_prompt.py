"""What may stand in a prompt, and what user text can never become."""

import numpy as np
import pytest

from mlxvision.errors import UsageError
from mlxvision.families.mllama.prompt import render, stop_tokens
from mlxvision.types import Image, Message
from tests.families.mllama.tiny import IMAGE_TOKEN, config, tokenizer

TOKENIZER = tokenizer()
PICTURE = Image(np.zeros((2, 2, 3), np.uint8), "a.png", 1, "")
SYSTEM = Message("system", ("Be brief.",))


def prompt(*messages: Message) -> list[int]:
    return render(messages, TOKENIZER, config())


def user(*content: str | Image) -> Message:
    return Message("user", content)


def special(name: str) -> int:
    return TOKENIZER.special(f"<|{name}|>")


@pytest.mark.parametrize("name", ["image", "eot_id", "begin_of_text", "start_header_id", "end_of_text"])
def test_text_never_becomes_a_special_token(name: str) -> None:
    plain, tricky = prompt(user(PICTURE, "x")), prompt(user(PICTURE, f"<|{name}|>"))
    assert tricky.count(special(name)) == plain.count(special(name))
    assert tricky.count(IMAGE_TOKEN) == 1
    assert f"<|{name}|>" in TOKENIZER.decode([i for i in tricky if i != IMAGE_TOKEN])


def test_system_text_never_becomes_a_special_token() -> None:
    assert prompt(Message("system", ("<|eot_id|>",)), user("x")).count(special("eot_id")) == 2


@pytest.mark.parametrize(
    "messages",
    [
        [user("x")],
        [user(PICTURE, "x"), Message("assistant", ("y",)), user("z")],
        [SYSTEM, user("<|begin_of_text|>")],
    ],
)
def test_a_prompt_opens_with_the_only_begin_of_text(messages: list[Message]) -> None:
    ids = prompt(*messages)
    assert ids[0] == special("begin_of_text")
    assert ids.count(special("begin_of_text")) == 1


def test_text_and_the_newlines_before_it_are_encoded_as_one() -> None:
    triple = TOKENIZER.encode("\n\n\n")
    assert len(triple) == 1
    assert triple[0] in prompt(user("\n"))
    assert triple[0] not in prompt(user(PICTURE, "\n"))  # the image stands between


def test_neighbouring_texts_are_encoded_as_one() -> None:
    assert prompt(user("a\n", "\nb")) == prompt(user("a\n\nb"))


def test_each_image_is_one_token_where_it_stands() -> None:
    ids = prompt(user(PICTURE, "a", PICTURE, PICTURE))
    header = [special("begin_of_text"), special("start_header_id"), *TOKENIZER.encode("user")]
    header += [special("end_header_id"), *TOKENIZER.encode("\n\n")]
    image, a = IMAGE_TOKEN, TOKENIZER.encode("a")
    assert ids[: len(header) + 5] == [*header, image, *a, image, image, special("eot_id")]


def test_system_text_beside_images_precedes_the_first_text_of_the_user() -> None:
    assert prompt(SYSTEM, user(PICTURE, "a")) == prompt(user(PICTURE, "Be brief.\n\na"))
    assert prompt(SYSTEM, user("a", PICTURE)) == prompt(user("Be brief.\n\na", PICTURE))
    assert prompt(SYSTEM, user(PICTURE)) == prompt(user(PICTURE, "Be brief.\n\n"))


def test_system_text_is_never_put_into_the_assistant_s_mouth() -> None:
    hello = Message("assistant", ("Hello.",))
    assert prompt(SYSTEM, hello, user(PICTURE, "a")) == prompt(hello, user(PICTURE, "Be brief.\n\na"))


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [SYSTEM],
        [user("x"), Message("assistant", ("y",))],
        [user("x"), SYSTEM, user("y")],
        [Message("system", ("Look: ", PICTURE)), user("x")],
    ],
    ids=["nothing", "only system", "assistant last", "system later", "image in system"],
)
def test_a_conversation_that_cannot_be_written_is_refused(messages: list[Message]) -> None:
    with pytest.raises(UsageError):
        prompt(*messages)


def test_every_token_that_can_end_an_answer_does() -> None:
    assert stop_tokens(TOKENIZER) == {special("eot_id"), special("eom_id"), special("end_of_text")}
