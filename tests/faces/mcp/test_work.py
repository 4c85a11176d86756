"""Calls, one at a time: queue, progress, cancellation, deadline, and the model between them."""

import math
import random
import threading
import weakref
from types import SimpleNamespace

import anyio
import pytest
from PIL import Image

from mlxvision.errors import ModelNotFoundError
from mlxvision_mcp import server, work
from tests.fakes.toy import scripted

pytestmark = pytest.mark.anyio

_PATIENCE_S = 30
LONG = "".join(f"{number} " for number in range(500))


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (40, 20), "red").save(path)
    return str(path)


class Gate:
    """Stops a model at its n-th step until it is opened."""

    def __init__(self, model, n):
        self.reached, self.opened = threading.Event(), threading.Event()
        self._n, self._n_steps = n, 0
        model.net.log.on_hidden = self._step

    async def wait(self):
        assert await anyio.to_thread.run_sync(self.reached.wait, _PATIENCE_S)

    def _step(self):
        self._n_steps += 1
        if self._n_steps == self._n:
            self.reached.set()
            assert self.opened.wait(_PATIENCE_S)


@pytest.fixture
def load(monkeypatch):
    """Makes the server load a model that was made before."""

    def give(model):
        monkeypatch.setattr("mlxvision.api.load", lambda name: model)
        return model

    return give


async def ask(client, image, max_tokens=2000, **options):
    arguments = {"image": image, "question": "What is it?", "max_tokens": max_tokens}
    result = await client.call_tool("ask", arguments, **options)
    return result.structured_content


async def test_cancelling_stops_within_one_token_and_the_next_call_is_served(client, load, image):
    model = load(scripted(LONG))
    gate = Gate(model, n=6)
    async with client() as host:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, host, image)
            await gate.wait()
            tasks.cancel_scope.cancel()
        await host.list_tools()  # so the cancellation has arrived
        n_before = len(model.net.log.lengths)
        gate.opened.set()
        answer = await ask(host, image)
    after = model.net.log.lengths[n_before:]
    assert answer["text"] == LONG
    assert sum(length == 1 for length in after[: after.index(max(after))]) <= 1


async def test_cancelling_at_any_of_fifty_moments_costs_at_most_one_more_token(client, load, image):
    rng, model = random.Random(0), load(scripted(LONG))
    async with client() as host:
        await ask(host, image)
        for n in (rng.randint(1, 60) for _ in range(50)):
            gate = Gate(model, n)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(ask, host, image)
                await gate.wait()
                tasks.cancel_scope.cancel()
            await host.list_tools()  # so the cancellation has arrived
            n_before = len(model.net.log.lengths)
            gate.opened.set()
            answer = await ask(host, image, max_tokens=2)
            assert answer["text"] == LONG[:2]
            assert len(model.net.log.lengths) - n_before <= 1 + 3  # of the cancelled call, and of this one


async def test_a_cancelled_call_in_the_queue_never_runs(client, load, image):
    model = load(scripted("yes"))
    gate = Gate(model, n=1)
    async with client() as host, anyio.create_task_group() as first:
        first.start_soon(ask, host, image)
        await gate.wait()
        queued = anyio.Event()

        async def progress(value, total, message):
            queued.set()

        async with anyio.create_task_group() as second:
            second.start_soon(lambda: ask(host, image, progress_callback=progress))
            await queued.wait()
            second.cancel_scope.cancel()
        await host.list_tools()
        gate.opened.set()
    assert sum(length > 1 for length in model.net.log.lengths) == 1


async def test_the_deadline_gives_what_is_there(client, load, image, monkeypatch):
    gate = Gate(load(scripted(LONG)), n=20)
    answers = []

    async def call(host):
        answers.append(await ask(host, image))

    async with client() as host, anyio.create_task_group() as tasks:
        tasks.start_soon(call, host)
        await gate.wait()
        monkeypatch.setattr("mlxvision.engine.engine.time", SimpleNamespace(monotonic=lambda: math.inf))
        gate.opened.set()
    assert answers[0]["finish_reason"] == "time"
    assert LONG.startswith(answers[0]["text"])
    assert 10 <= len(answers[0]["text"]) < 30


async def test_a_deadline_before_the_first_word_is_an_error_and_no_empty_answer(client, load, image, monkeypatch):
    gate = Gate(load(scripted(LONG)), n=1)
    results = []

    async def call(host):
        results.append(await host.call_tool("ocr", {"image": image}))

    async with client() as host, anyio.create_task_group() as tasks:
        tasks.start_soon(call, host)
        await gate.wait()
        monkeypatch.setattr("mlxvision.engine.engine.time", SimpleNamespace(monotonic=lambda: math.inf))
        gate.opened.set()
    assert results[0].is_error
    said = "there was no time for the first word: deadline of 50 s. Ask for less"
    assert results[0].content[0].text.startswith(said)


async def test_a_call_whose_deadline_passes_in_the_queue_or_while_loading_is_told_so(client, monkeypatch, image):
    opened = threading.Event()
    model = scripted("yes")
    monkeypatch.setattr("mlxvision.api.load", lambda name: opened.wait(_PATIENCE_S) and model)
    async with client(deadline_s=1.5) as host:
        results = []

        async def call():
            results.append(await host.call_tool("ocr", {"image": image}))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            tasks.start_soon(call)
        opened.set()
    told = {result.content[0].text.partition(":")[0] for result in results}
    assert "the model is still being loaded" in told
    assert told <= {"the model is still being loaded", "earlier calls took all the time there was"}


async def test_four_calls_may_wait_and_their_hosts_see_the_queue(client, load, image):
    gate = Gate(load(scripted("yes")), n=1)
    async with client() as host:
        texts, queues, all_queued = [], [[] for _ in range(6)], [anyio.Event() for _ in range(6)]

        async def call(number):
            async def progress(value, total, message):
                queues[number].append((value, message))
                all_queued[number].set()

            result = await host.call_tool("ocr", {"image": image}, progress_callback=progress)
            texts.append(result.content[0].text)

        async with anyio.create_task_group() as tasks:
            for number in range(5):
                tasks.start_soon(call, number)
                await all_queued[number].wait()
            await gate.wait()
            await call(5)
            assert texts[0].startswith("the server is busy: 5 calls. Call again")
            gate.opened.set()
    assert texts[1:] == ["yes"] * 5
    assert next(message for _, message in sorted(queues[3])) == "queue: 3 ahead"


async def test_every_stage_is_reported_with_growing_values(client, load, image):
    load(scripted("yes"))
    reports, decoding = [], anyio.Event()

    async def progress(value, total, message):
        reports.append((value, message))
        if message.startswith("decode"):
            decoding.set()

    async with client() as host:
        await ask(host, image, progress_callback=progress)
        await decoding.wait()
    stages = [message.partition(":")[0] for _, message in sorted(reports)]
    assert stages == ["queue", "load", "encode", "prefill", "decode"]
    assert len({value for value, _ in reports}) == len(reports)


async def test_a_long_step_shows_signs_of_life(client, load, image, monkeypatch):
    monkeypatch.setattr(work, "_BEAT_S", 0.02)
    gate = Gate(load(scripted("yes")), n=1)
    beats, enough = [], anyio.Event()

    async def progress(value, total, message):
        beats.append((value, message))
        if sum("prefill" in message for _, message in beats) == 4:
            enough.set()

    async with client() as host, anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: ask(host, image, progress_callback=progress))
        with anyio.fail_after(_PATIENCE_S):
            await enough.wait()
        gate.opened.set()


async def test_listing_the_tools_loads_the_model_and_an_idle_one_is_let_go(client, monkeypatch, image):
    nets = []

    def load(name):
        model = scripted("yes")
        nets.append(weakref.ref(model.net))
        return model

    monkeypatch.setattr("mlxvision.api.load", load)
    async with client(keep_alive_s=0.05) as host:
        await host.list_tools()
        for n in (1, 2):
            with anyio.fail_after(_PATIENCE_S):
                while len(nets) < n or nets[-1]() is not None:
                    await anyio.sleep(0.01)
            assert (await ask(host, image))["text"] == "yes"
    assert len(nets) == 3


async def test_a_model_is_loaded_once_for_many_calls(client, monkeypatch, image):
    loads, model = [], scripted("yes")
    monkeypatch.setattr("mlxvision.api.load", lambda name: loads.append(name) or model)
    async with client() as host:
        await host.list_tools()
        for _ in range(3):
            await ask(host, image)
    assert loads == ["toy"]


async def test_a_second_question_about_a_picture_does_not_look_at_it_again(client, load, image, tmp_path):
    model, other = load(scripted("yes")), str(tmp_path / "b.png")
    Image.new("RGB", (20, 40), "blue").save(other)
    async with client() as host:
        for source, n_encoded in ((image, 1), (image, 1), (other, 2), (image, 2)):
            await ask(host, source)
            assert model.net.log.n_encoded == n_encoded


async def test_a_model_that_fails_to_load_is_tried_again(client, monkeypatch, image):
    model, failures = scripted("yes"), [ModelNotFoundError("not here", "toy", "Run `mlxvision pull a/toy`")]

    def load(name):
        if failures:
            raise failures.pop()
        return model

    monkeypatch.setattr("mlxvision.api.load", load)
    async with client() as host:
        result = await host.call_tool("ocr", {"image": image})
        assert result.is_error
        assert "Run `mlxvision pull a/toy`." in result.content[0].text
        assert (await ask(host, image))["text"] == "yes"


async def test_a_fault_of_ours_is_told_without_its_text(client, monkeypatch, image, caplog):
    def fail(source, access):
        raise KeyError("secret")

    monkeypatch.setattr(server, "open_picture", fail)
    async with client() as host:
        result = await host.call_tool("ocr", {"image": image})
    assert result.is_error
    assert "secret" not in result.content[0].text
    assert "secret" in caplog.text
