"""Lines of any length, hosts that do not read, and crowds of calls: what is kept of them is bounded."""

import json
import os
import random
import select
import subprocess
import sys

import pytest

from mlxvision_mcp.wire import LONGEST_LINE_BYTES

MIB = 2**20
LONGEST_GROWTH_MIB = 400
linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")


def peak_mib(server):
    with open(f"/proc/{server.process.pid}/status", encoding="utf-8") as status:
        (line,) = (line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def ping(number, padding=""):
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": "ping", "params": {"_meta": {"x": padding}}}).encode()


@linux
def test_a_message_of_64_mib_is_served_and_no_longer_line_is_kept(server):
    server.said_to()
    before = peak_mib(server)
    room = LONGEST_LINE_BYTES - len(ping(1)) - 1
    assert [message["id"] for message in server.said_to(ping(1, "x" * room))] == [1]
    (refused,) = server.said_to(ping(2, "x" * (room + 1)))
    assert (refused["id"], refused["error"]["code"]) == (None, -32600)
    assert "64 MiB" in refused["error"]["message"]
    (refused,) = server.said_to(b"\xe9" * 150 * MIB)
    assert refused["error"]["code"] == -32600
    assert peak_mib(server) < before + LONGEST_GROWTH_MIB


@linux
def test_a_line_that_never_ends_is_not_kept(server):
    server.said_to()
    before = peak_mib(server)
    for _ in range(500):
        server.process.stdin.write(b"x" * MIB)
    assert peak_mib(server) < before + LONGEST_GROWTH_MIB
    (refused,) = server.said_to(b"")
    assert refused["error"]["code"] == -32600


def test_a_host_that_does_not_read_gets_every_answer_later_and_is_not_read_from_meanwhile(tmp_path):
    command = [sys.executable, "-m", "mlxvision_mcp"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **pipes, bufsize=0, cwd=tmp_path) as process:
        process.stdin.write(ping(0) + b"\n")
        assert json.loads(process.stdout.readline())["id"] == 0
        os.set_blocking(process.stdin.fileno(), False)
        sent, rest = 0, b""
        while select.select([], [process.stdin], [], 3)[1]:
            rest = rest or ping(sent := sent + 1) + b"\n"
            rest = rest[process.stdin.write(rest) or 0 :]
            assert sent < 20_000
        os.set_blocking(process.stdin.fileno(), True)
        answered = [json.loads(process.stdout.readline())["id"] for _ in range(sent - 1)]
        process.stdin.write(rest)
        answered.append(json.loads(process.stdout.readline())["id"])
        process.stdin.close()
        assert process.stdout.read() == b""
        assert process.wait(2) == 0
    assert sorted(answered) == list(range(1, sent + 1))


def test_a_storm_of_calls_and_cancellations_leaves_nothing_behind(server):
    rng = random.Random(0)
    lines = []
    for number in range(200):
        arguments = {"image": str(server.picture), "question": "x", "max_tokens": rng.choice([1, 50, 4096])}
        params = {"name": "ask", "arguments": arguments}
        lines.append({"id": f"storm {number}", "method": "tools/call", "params": params})
        for other in rng.sample(range(number + 1), min(number + 1, 3)):
            params = {"requestId": rng.choice([f"storm {other}", other, None, [other], "nobody"])}
            lines.append({"method": "notifications/cancelled", "params": params})
    lines += [{"method": "notifications/cancelled", "params": {"requestId": f"storm {n}"}} for n in range(200)]
    said = server.said_to(*(json.dumps({"jsonrpc": "2.0", **line}).encode() for line in lines))
    ids = [message["id"] for message in said]
    assert len(ids) == len(set(ids))
    assert all(message["result"]["isError"] or "ab " in str(message["result"]["content"]) for message in said)


def test_nobody_can_cancel_a_ping_or_the_handshake(server):
    cancel = b'{"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}'
    assert [message["id"] for message in server.said_to(cancel, ping(1), cancel)] == [1]
