"""What months of use would show, in minutes: memory, descriptors, crowds and cancelled calls. Linux only.

    python -m tests.benchmarks.soak [crowd] [cancel] [endure] [die] [--toy] [--isolate] [--calls 1000] [--model NAME]

One server process reads pictures over real pipes, each of them twice. After the first calls, its memory may grow by
5 %, in the median of 50 calls, since it breathes from one to the next, and its descriptors by none; of 100 calls at
once each is answered exactly once, with the text or with "busy"; after each of 50 calls that are cancelled at a random
moment, the process computes for half a second at most, in its own CPU time, since other programs may slow the clock,
and the next answer is right. With `--isolate`, the model's process counts too, and is killed 20 times in the middle of
a call: that call is told, and the next answer is right. `--toy` takes a tiny model that says one word, where a real one
would take hours. A missed bar ends with exit code 1.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median

from PIL import Image, ImageDraw, ImageFont

from tests.conftest import pytest_configure
from tests.faces.mcp.conftest import Host
from tests.fakes.checkpoints import make_mllama

PRINTED = "Total 48.20 EUR"
WARM_UP_CALLS = SAMPLES = 50
CALLS_A_PICTURE, MUST_BE_RIGHT = 2, 0.95
CROWD = 100
CANCELS, LONGEST_CPU_S, QUIET_S = 50, 0.5, 0.4
DEATHS = 20
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Soak:
    """One server, what it should say, and what was missed. toy: whether its model says one word, whatever it sees."""

    def __init__(self, folder: Path, flags: list[str], toy: bool) -> None:
        self.folder, self.toy, self.missed = folder, toy, 0
        self.said = "ab " * 8 if toy else PRINTED
        self.longest_wait_s = 0.2 if toy else 1.5
        if toy:
            flags = [*flags, "--model", str(make_mllama(folder / "toy", says="ab "))]
        self.picture = self.draw(PRINTED)
        command = [sys.executable, "-m", "mlxvision_mcp", *flags]
        self.host = Host(command, folder, subprocess.DEVNULL)
        self.host.start()
        self.process = Path("/proc") / str(self.host.process.pid)
        self.reads()

    def draw(self, text: str) -> Path:
        picture = Image.new("RGB", (224, 24), "white")
        ImageDraw.Draw(picture).text((6, 3), text, fill="black", font=ImageFont.load_default(16))
        picture.save(self.folder / f"{text}.png")
        return self.folder / f"{text}.png"

    def ask(self, picture: Path, max_tokens: int = 8) -> int:
        if self.toy:
            return self.host.call("ask", image=str(picture), question="x", max_tokens=max_tokens)
        return self.host.call("ocr", image=str(picture))

    def reads(self) -> bool:
        """Whether the next answer is right."""
        return text_of(self.host.answer(self.ask(self.picture))) == self.said

    def children(self) -> list[Path]:
        found = [file.read_text(encoding="utf-8").split() for file in self.process.glob("task/*/children")]
        return [Path("/proc") / pid for pids in found for pid in pids]

    def memory_mb(self) -> float:
        lines = [
            line
            for one in (self.process, *self.children())
            for line in (one / "status").read_text(encoding="utf-8").splitlines()
        ]
        return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1e3

    def descriptors(self) -> int:
        return len(os.listdir(self.process / "fd"))

    def cpu_s(self) -> float:
        stats = [
            (one / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            for one in (self.process, *self.children())
        ]
        return sum(int(user) + int(system) for stat in stats for user, system in [stat[11:13]]) / TICKS_PER_S

    def judge(self, ok: bool, said: str) -> None:
        self.missed += not ok
        print(f"{'ok' if ok else 'MISSED'}: {said}", flush=True)

    def endure(self, n_calls: int) -> None:
        memory_mb, descriptors, right = [], 0, 0
        for n in range(n_calls):
            printed = f"Total {n // CALLS_A_PICTURE}.15 EUR"
            text = text_of(self.host.answer(self.ask(self.draw(printed))))
            right += text == (self.said if self.toy else printed)
            memory_mb.append(self.memory_mb())
            descriptors = descriptors or self.descriptors()
            self.host.lines.clear()
        first, last = median(memory_mb[WARM_UP_CALLS:][:SAMPLES]), median(memory_mb[-SAMPLES:])
        told = f"{first:.1f} -> {last:.1f} MB, once {min(memory_mb):.1f}, once {max(memory_mb):.1f}"
        self.judge(last <= first * 1.05, f"memory {told}, in {n_calls} calls")
        self.judge(self.descriptors() <= descriptors, f"descriptors {descriptors} -> {self.descriptors()}")
        self.judge(right >= n_calls * MUST_BE_RIGHT, f"{right} of {n_calls} answers are right")

    def crowd(self) -> None:
        self.host.lines.clear()
        calls = {self.ask(self.picture) for _ in range(CROWD)}
        answers = [self.host.until(lambda message: "id" in message) for _ in calls]
        self.host.answer(self.host.send("ping"))  # whatever comes twice has come before this
        ids = Counter(message["id"] for message in map(json.loads, self.host.lines) if message.get("id") in calls)
        kinds = Counter("busy" if "busy" in text_of(answer) else text_of(answer) for answer in answers)
        self.judge(ids == Counter(calls), f"{CROWD} calls at once, {sum(ids.values())} answers: {dict(kinds)}")
        self.judge(set(kinds) <= {"busy", self.said}, "each is the text or says busy")

    def cancel(self, seed: int) -> None:
        rng = random.Random(seed)
        pictures = [self.draw(f"Total {n}.75 EUR") for n in range(20, 30)]
        spent, right, late = [], 0, 0
        for n in range(CANCELS):
            self.host.lines.clear()
            call = self.ask(pictures[n % len(pictures)], max_tokens=4096)
            time.sleep(rng.uniform(0, self.longest_wait_s))
            message = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": call}}
            self.host.write(json.dumps(message).encode())
            spent.append(self.until_quiet())
            late += any(json.loads(line).get("id") == call for line in list(self.host.lines))
            right += self.reads()
        cpu_s, clock_s = map(max, zip(*spent, strict=True))
        self.judge(
            cpu_s <= LONGEST_CPU_S,
            f"after {CANCELS} cancels it computes {cpu_s:.2f} s at most, {clock_s:.1f} s by the clock",
        )
        self.judge(
            right == CANCELS, f"{right} of {CANCELS} next answers are right; {late} cancels came after the answer"
        )

    def die(self, seed: int) -> None:
        rng = random.Random(seed)
        lost = right = 0
        for _ in range(DEATHS):
            self.host.lines.clear()
            call = self.ask(self.picture, max_tokens=4096)
            time.sleep(rng.uniform(0, self.longest_wait_s))
            (child,) = self.children()
            os.kill(int(child.name), signal.SIGKILL)
            lost += text_of(self.host.answer(call)).startswith("the process with the model died: signal 9. Call again")
            right += self.reads()
        self.judge(right == DEATHS, f"{right} of {DEATHS} answers after a death are right; {lost} calls were lost")
        threads = len(list((self.process / "task").iterdir()))
        self.judge(
            self.descriptors() < 40 > threads, f"{self.descriptors()} descriptors and {threads} threads are left"
        )

    def until_quiet(self) -> tuple[float, float]:
        """Seconds of CPU time and by the clock until the process does nothing for a while."""
        start, before = time.monotonic(), self.cpu_s()
        last, cpu_s = start, before
        while time.monotonic() < last + QUIET_S:
            time.sleep(0.02)
            if (now_s := self.cpu_s()) > cpu_s:
                last, cpu_s = time.monotonic(), now_s
        return cpu_s - before, last - start


def text_of(answer: dict) -> str:
    return answer["result"]["content"][0]["text"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="crowd, cancel, endure or die [all]")
    parser.add_argument("--toy", action="store_true")
    parser.add_argument("--isolate", action="store_true")
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--model")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    pytest_configure()
    with tempfile.TemporaryDirectory() as folder:
        flags = ["--isolate"] * args.isolate + (["--model", args.model] if args.model else [])
        soak = Soak(Path(folder), flags, args.toy)
        try:
            parts = {
                "crowd": soak.crowd,
                "cancel": lambda: soak.cancel(args.seed),
                "endure": lambda: soak.endure(args.calls),
            }
            if args.isolate:
                parts["die"] = lambda: soak.die(args.seed)
            for part in args.parts or parts:
                parts[part]()
        finally:
            soak.host.close()
    return 1 if soak.missed else 0


if __name__ == "__main__":
    sys.exit(main())
