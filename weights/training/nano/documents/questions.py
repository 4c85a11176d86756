"""How people ask, in many phrasings, and the one way to say that a thing is not there."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import NamedTuple


class Pair(NamedTuple):
    """A question and its answer.

    key: what is asked for, in a word, mostly the question's own. at: what stands printed, or in the list of figures,
    where the answer is found.
    """

    question: str
    answer: str
    key: str = ""
    at: str = ""


DESCRIBE_REQUESTS = (
    "Describe this image.", "Describe the image.", "Describe this picture.", "Describe the picture in detail.",
    "What is this?", "What do you see?", "What is in this image?", "What is shown here?", "What does this image show?",
    "What can you see in the picture?", "Tell me about this image.", "Give a short description.", "Caption this image.",
    "describe this image", "describe", "what is this?", "what's in the picture?", "Summarise this image.",
)  # fmt: skip

_MOST = 10
_SHARE = 0.22  # of the questions that apply: so many more are asked that do not


class Topic(NamedTuple):
    """thing: what is missing where the question does not apply. key: what is asked for, if not the thing.

    In all, {} stands for a name.
    """

    thing: str
    phrasings: tuple[str, ...]
    key: str = ""


def ask(rng: Random, topic: Topic, answer: str | int, name: str = "", at: str = "", key: str = "") -> Pair:
    """at: the name, unless it is told; key: the topic's."""
    question, _ = _spoken(rng, topic, name)
    return Pair(question, str(answer), key or _key(topic, name, question), at or name)


def miss(rng: Random, topic: Topic, name: str = "") -> Pair:
    """The same question where there is no such thing."""
    question, thing = _spoken(rng, topic, name)
    return Pair(question, absence(thing), _key(topic, name, question))


def absence(thing: str) -> str:
    return f"There is no {thing} in this image."


def denies(answer: str) -> bool:
    before, after = absence("\n").split("\n")
    return answer.startswith(before) and answer.endswith(after)


def contradicted(pair: Pair, text: str) -> bool:
    """Whether an answer denies something that is printed."""
    before, after = absence("\n").split("\n")
    return denies(pair.answer) and pair.answer[len(before) : -len(after)].lower() in text.lower()


def mixed(rng: Random, here: Sequence[Pair], missing: Sequence[Pair]) -> list[Pair]:
    """Some of the questions that apply, and now and then one that does not."""
    chosen = rng.sample(here, min(len(here), rng.randint(4, _MOST)))
    strangers = sum(rng.random() < _SHARE for _ in chosen)
    chosen += rng.sample(missing, min(strangers, len(missing)))
    rng.shuffle(chosen)
    return list(dict.fromkeys(chosen))


def called(rng: Random, name: str) -> str:
    """As people write it who do not look closely."""
    return rng.choice((name, name, name, name.lower(), name.title() if name.isupper() else name))


def joined(names: Sequence[str]) -> str:
    """A, B and C."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def counted(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _key(topic: Topic, name: str, question: str) -> str:
    key = (topic.key or topic.thing).replace("{}", name)
    return key.lower() if question.islower() else key


def _spoken(rng: Random, topic: Topic, name: str) -> tuple[str, str]:
    """-> (question, the thing it is about)"""
    question, thing = rng.choice(topic.phrasings).replace("{}", name), topic.thing.replace("{}", name)
    style = rng.random()
    if style < 0.12:
        return question.lower(), thing.lower()
    if style < 0.2:
        return question.rstrip("?"), thing
    if style < 0.24 and question.endswith("?"):
        return f"Please tell me: {question}", thing
    return question, thing
