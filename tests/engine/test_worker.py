import subprocess
import sys
import textwrap
import weakref
from concurrent.futures import Future
from threading import Event, get_ident

import pytest

from mlxvision.engine import Engine
from mlxvision.engine.worker import Worker, shared_worker
from mlxvision.types import Message, Request, Sampling
from tests.fakes.toy import random_model


def test_every_job_runs_on_one_thread_that_is_not_the_callers():
    threads = {shared_worker().submit(get_ident).result() for _ in range(20)}
    assert len(threads) == 1
    assert get_ident() not in threads


def test_loading_and_answering_share_the_thread(monkeypatch, tmp_path):
    threads = []
    model = random_model()
    model.net.log.on_hidden = lambda: threads.append(get_ident())

    def load_model(*_, **__):
        threads.append(get_ident())
        return model

    monkeypatch.setattr("mlxvision.engine.engine.resolve", lambda name: tmp_path)
    monkeypatch.setattr("mlxvision.engine.engine.load_model", load_model)
    engine = Engine()
    engine.stream(engine.load(tmp_path), Request((Message("user", ("hi",)),), Sampling(max_tokens=3))).result()
    assert threads == [shared_worker().submit(get_ident).result()] * len(threads)
    assert len(threads) > 2


def test_jobs_run_in_the_order_in_which_they_come():
    worker, order = Worker(), []
    for future in [worker.submit(lambda i=i: order.append(i)) for i in range(50)]:
        future.result()
    assert order == list(range(50))


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt(), SystemExit(3)])
def test_the_error_of_a_job_reaches_its_waiter_and_the_thread_goes_on(error):
    def fail():
        raise error

    worker = Worker()
    thread = worker.submit(get_ident).result()
    with pytest.raises(type(error)) as caught:
        worker.submit(fail).result()
    assert caught.value is error
    assert worker.submit(get_ident).result() == thread


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_ends_is_replaced_and_those_who_wait_are_served():
    class Deadly(Future):
        def set_running_or_notify_cancel(self):
            raise SystemExit

    model = random_model()
    request = Request((Message("user", ("hi",)),), Sampling(max_tokens=3))
    before = Engine().stream(model, request).result()
    worker, gate = shared_worker(), Event()
    thread = worker.submit(get_ident).result()
    worker.submit(gate.wait)
    worker._jobs.put((Deadly(), None))
    waiting = worker.submit(get_ident)
    gate.set()
    assert waiting.result(30) != thread
    assert Engine().stream(model, request).result().tokens == before.tokens


def test_a_job_that_is_taken_back_before_its_turn_never_runs():
    worker, gate, ran = Worker(), Event(), []
    first = worker.submit(gate.wait)
    second = worker.submit(lambda: ran.append(1))
    assert second.cancel()
    gate.set()
    first.result()
    worker.submit(lambda: None).result()
    assert not ran


def test_an_idle_worker_keeps_nothing_alive():
    gone = Event()
    model = random_model()
    stream = Engine().stream(model, Request((Message("user", ("hi",)),), Sampling(max_tokens=3)))
    stream.result()
    weakref.finalize(model.net, gone.set)
    del model
    assert gone.wait(10)


_START = """
    import random, sys
    from tests.fakes.toy import scripted
    from mlxvision.engine import Engine
    from mlxvision.types import Message, Request, Sampling, Token

    model = scripted(random.Random(0).randbytes(5000), context_length=10**6)

    def ask(max_tokens=4000):
        sampling = Sampling(max_tokens, temperature=1, top_p=0.9, logprobs=5)
        return Engine().stream(model, Request((Message("user", ("hi",)),), sampling))
"""
_ENDS = {
    "at once": "ask()",
    "while a request runs": """
        events = iter(ask())
        next(event for event in events if isinstance(event, Token))
    """,
    "while a request runs and others wait": """
        streams = [ask() for _ in range(5)]
        events = iter(streams[0])
        next(event for event in events if isinstance(event, Token))
    """,
    "after a request": "ask(5).result()",
    "after a cancelled request": "stream = ask(); stream.cancel(); stream.result()",
    "by an exit call": "ask(); sys.exit(0)",
}


@pytest.mark.parametrize("how", _ENDS)
def test_the_process_ends_cleanly(how, root):
    script = textwrap.dedent(_START) + textwrap.dedent(_ENDS[how])
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        encoding="utf-8",
    )
    assert (run.returncode, run.stderr) == (0, "")


def test_a_job_that_never_ends_does_not_keep_the_process(root):
    script = """
        from threading import Event
        from mlxvision.engine import worker
        worker._PATIENCE_S = 0.1
        started = Event()
        worker.shared_worker().submit(lambda: (started.set(), Event().wait()))
        started.wait()
    """
    script = textwrap.dedent(script)
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        encoding="utf-8",
    )
    assert (run.returncode, run.stderr) == (0, "")
