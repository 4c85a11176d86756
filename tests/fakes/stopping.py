"""What machines that share a model are left with after the first of them stopped, as JSON: reasons and tokens."""

import json
import sys
from functools import partial

from mlxvision.engine import Engine, Session
from mlxvision.nn.sharing import launched
from mlxvision.types import Done, Message, Request, Sampling, Token
from tests.fakes.toy import picture

LONG = Sampling(max_tokens=2000, temperature=1.0, top_k=50)
QUESTION = Message("user", (picture(220, 20, 20), "What is it?"))


def what_is_left(model_directory: str) -> dict[str, tuple[str, list[int]]]:
    engine, group = Engine(), launched()
    model = engine.load(model_directory, group=group)
    is_first = group is not None and group.rank() == 0
    left = {}

    def cancelled_after(n_tokens, stream):
        for event in stream:
            if is_first and isinstance(event, Token) and (n_tokens := n_tokens - 1) == 0:
                stream.cancel()
        return told(stream.result())

    left["cancelled"] = cancelled_after(5, engine.stream(model, Request((QUESTION,), LONG)))
    if not is_first:
        engine.images.clear()  # so that only the first remembers the image
    stream = engine.stream(model, Request((QUESTION,), LONG))
    if is_first:
        stream.cancel()
    left["at once"] = told(stream.result())
    late = Request((QUESTION,), LONG, deadline_s=0.0 if is_first else None)
    left["late"] = told(engine.stream(model, late).result())
    for event in engine.stream(model, Request((QUESTION,), LONG)):
        if is_first and isinstance(event, Token):
            break
    jobs = [partial(Request, (QUESTION,), Sampling(max_tokens=n)) for n in (3, 1000)]
    for _ in engine.batch(model, jobs):
        if is_first:
            break
    session = Session(engine, model)
    for event in session.stream("What is it?", QUESTION.images, LONG):
        if is_first and isinstance(event, Token):
            session.cancel()
    left["next turn"] = told(session.ask("And this?", sampling=Sampling(max_tokens=8)))
    return left


def told(done: Done) -> tuple[str, list[int]]:
    return done.finish_reason, [token.id for token in done.tokens]


if __name__ == "__main__":
    print(json.dumps(what_is_left(sys.argv[1])))
