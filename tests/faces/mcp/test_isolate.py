"""A model in a process of its own: the same answers, and a death that costs one call."""

import os
import signal
from pathlib import Path

import pytest

from mlxvision.errors import ModelNotFoundError, UsageError
from mlxvision.types import Done, Message, Request, Sampling, Token
from mlxvision_mcp.inside import Inside
from mlxvision_mcp.isolate import Isolated, LostError

# Imported by every interpreter at its start; makes the child slow, and its answers endless.
SLOW_CHILD = """
import sys
if "mlxvision_mcp.child" in sys.orig_argv:
    import time, mlxvision.engine.guards as guards
    guards.LoopDetector.add = lambda self, token: time.sleep(0.005)
"""


def request(max_tokens=4000, deadline_s=None):
    return Request((Message("user", ("hi",)),), Sampling(max_tokens=max_tokens), deadline_s=deadline_s)


def kill(isolated, number=signal.SIGKILL):
    os.kill(isolated._process._process.pid, number)


def first_token(stream):
    events = iter(stream)
    next(event for event in events if isinstance(event, Token))
    return events


def end(events):
    *_, done = events
    assert isinstance(done, Done)
    return done


@pytest.fixture
def slow(tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(SLOW_CHILD, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ['PYTHONPATH']}")


@pytest.fixture
def isolated(parrot):
    one = Isolated(str(parrot))
    assert one.load() == str(parrot)
    yield one
    one.free()


def test_the_answers_are_those_of_a_model_in_this_process(isolated, parrot):
    inside = Inside(str(parrot))
    inside.load()
    mine, its = (list(home.stream(request(max_tokens=3))) for home in (inside, isolated))
    assert [type(event) for event in its] == [type(event) for event in mine]
    assert its[-1].tokens == mine[-1].tokens
    assert its[-1].usage == mine[-1].usage


def test_what_it_shares_with_the_request_before_is_not_computed_again(isolated):
    end(isolated.stream(request(max_tokens=2)))
    assert end(isolated.stream(request(max_tokens=2))).usage.cached_tokens > 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT, signal.SIGTERM])
def test_a_death_is_told_to_every_waiter_and_the_next_process_answers(slow, isolated, number):
    running, waiting = first_token(isolated.stream(request())), isolated.stream(request())
    kill(isolated, number)
    for events in (running, iter(waiting), iter(isolated.stream(request()))):
        with pytest.raises(LostError, match="Call again") as lost:
            end(events)
    assert ("exit code 0" if number == signal.SIGTERM else f"signal {number:d}") in str(lost.value)
    assert not isolated.loaded
    isolated.load()
    assert isolated.loaded
    assert end(isolated.stream(request(max_tokens=2))).text == "ab ab "


def test_a_cancelled_request_stops_and_the_next_is_answered(slow, isolated):
    stream = isolated.stream(request())
    events = first_token(stream)
    stream.cancel()
    assert end(events).finish_reason == "cancelled"
    stream = isolated.stream(request())
    stream.cancel()
    assert end(stream).finish_reason == "cancelled"
    first_token(isolated.stream(request())).close()
    assert end(isolated.stream(request(max_tokens=2))).finish_reason == "length"


def test_the_deadline_holds(slow, isolated):
    assert end(isolated.stream(request(deadline_s=0.2))).finish_reason == "time"


def test_errors_come_back_as_what_they_are(isolated, tmp_path):
    with pytest.raises(UsageError, match="max_tokens"):
        end(isolated.stream(request(max_tokens=-1)))
    with pytest.raises(ModelNotFoundError, match="nowhere"):
        Isolated(str(tmp_path / "nowhere")).load()
    assert end(isolated.stream(request(max_tokens=2))).text == "ab ab "


def test_a_fault_of_ours_is_told_without_its_text(parrot, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(
        SLOW_CHILD.replace("time.sleep(0.005)", "{}['secret']"), encoding="utf-8"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ['PYTHONPATH']}")
    broken = Isolated(str(parrot))
    broken.load()
    with pytest.raises(RuntimeError, match=r"^KeyError$"):
        end(broken.stream(request()))
    broken.free()


@pytest.mark.skipif(not Path("/proc").exists(), reason="memory is read from /proc")
def test_the_server_holds_no_model_itself(host, picture):
    server = host("--isolate", "--keep-alive", "600")
    server.start()
    call = server.call("ask", image=str(picture), question="x", max_tokens=2)
    assert server.answer(call)["result"]["content"][0]["text"] == "ab ab "
    assert "libmlx" not in Path(f"/proc/{server.process.pid}/maps").read_text(encoding="utf-8")


def test_a_death_in_a_call_is_told_in_three_parts_and_the_next_call_is_right(slow, host, picture):
    server = host("--isolate")
    server.start()
    for _ in range(2):
        call = server.start_generating(picture)
        (child,) = children(server.process.pid)
        os.kill(child, signal.SIGKILL)
        text = server.answer(call)["result"]["content"][0]["text"]
        assert text.startswith("the process with the model died: signal 9. Call again: it is started anew. If it dies")
        next_call = server.call("ask", image=str(picture), question="x", max_tokens=2)
        assert server.answer(next_call)["result"]["content"][0]["text"] == "ab ab "


def test_an_idle_model_is_let_go_with_its_process(host, picture):
    server = host("--isolate", "--keep-alive", "0.05")
    server.start()
    for _ in range(2):
        call = server.call("ask", image=str(picture), question="x", max_tokens=2)
        assert server.answer(call)["result"]["content"][0]["text"] == "ab ab "
        n_pings = 0
        while children(server.process.pid):
            server.answer(server.send("ping"))
            assert (n_pings := n_pings + 1) < 10_000


def children(pid):
    return [
        int(one)
        for file in Path(f"/proc/{pid}/task").glob("*/children")
        for one in file.read_text(encoding="utf-8").split()
    ]
