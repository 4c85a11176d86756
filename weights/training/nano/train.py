"""Train the reader on pictures that are drawn as it goes; stop and go on at any time.

    python -m training.nano.train --work DIR --steps N [--decay K]
    torchrun --nproc-per-node 2 -m training.nano.train --work DIR --steps N       the same run on two processes
    python -m training.nano.train --work DIR --smoke                              does it learn? about a minute

The learning rate warms up, stays, and falls to zero over the last K steps. The same command with a larger N goes on
from DIR/state.pt; ask for a decay when the run shall end.
"""

from __future__ import annotations

import argparse
import copy
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.distributed as dist

from training.nano.checks import strip_difference
from training.nano.few import FewWords, pillows_face
from training.nano.fonts import load_faces
from training.nano.losses import Losses, losses, see_loss
from training.nano.mixture import Batch, Parts, sources_of
from training.nano.model import Reader, half_precision, initialise
from training.nano.reading import report
from training.nano.words import Words

_WARMUP_STEPS = 100
_LATE_GUIDANCE = 0.3
_LONGEST_AVERAGE = 0.998
_LOG_EVERY, _SAVE_EVERY, _REPORT_EVERY = 50, 100, 400
_SMOKE = {"steps": 60, "budget": 600, "decay": 0}
_SMOKE_FALL, _STRIP_TOLERANCE = 0.8, 1e-4


Measured = tuple[Losses, str]
"""The losses of a batch and what it showed."""


class Trainer:
    """One of equal processes; each takes its share of every step's parts and they add up their gradients."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.rank, self.world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        faces = [pillows_face(options.work)] if options.smoke else load_faces(options.work, held=False)
        sources = sources_of(faces, FewWords() if options.smoke else Words(held=False))
        self.parts = Parts(*sources, options.seed, options.budget, options.see * options.parts, options.asking)
        torch.manual_seed(options.seed)
        self.reader = Reader()
        self.step = self.begun = 0
        initialise(self.reader, self.parts[0].pictures, options.seed)
        self.reader.to(options.device)
        if options.decoder_only:
            self.reader.requires_grad_(False)
            self.reader.decoder.requires_grad_(True)
        self.average = copy.deepcopy(self.reader).requires_grad_(False)
        self.parameters = [p for p in self.reader.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(self.parameters, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
        self.path = options.work / "state.pt"
        if self.path.exists() and not options.smoke:
            self._restore()

    def run(self) -> list[Measured]:
        """The losses of this process's parts, in order, of the last `_LOG_EVERY` steps."""
        began, recent, batches = time.monotonic(), [], self._batches()
        while self.step < self.options.steps:
            recent = [*recent, *self._advance(batches)][-_LOG_EVERY * self.options.parts // self.world :]
            if self.rank == 0:
                self._housekeeping(recent, time.monotonic() - began)
        if self.rank == 0 and not self.options.smoke:
            self._save()
        return recent

    def _batches(self) -> Iterator[Batch]:
        first, last = self.step * self.options.parts, self.options.steps * self.options.parts
        mine = [part for part in range(first, last) if part % self.options.parts % self.world == self.rank]
        return iter(torch.utils.data.DataLoader(self.parts, None, sampler=mine, num_workers=self.options.workers))

    def _advance(self, batches: Iterator[Batch]) -> list[Measured]:
        done = []
        late = self.options.decay and self.step >= self.options.steps - self.options.decay
        for _ in range(self.options.parts // self.world):
            batch = next(batches).to(self.options.device)
            with half_precision(self.options.device):
                loss = self._losses(batch)
            (loss.total(_LATE_GUIDANCE if late else 1.0) / self.options.parts).backward()
            done.append((Losses(*(x.detach() for x in loss)), batch.shows))
        self._share_gradients()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = self.options.rate * self._schedule()
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
        with torch.no_grad():
            weight = 1 - min(_LONGEST_AVERAGE, self.step / (self.step + 20))
            torch._foreach_lerp_(list(self.average.parameters()), list(self.reader.parameters()), weight)
        return done

    @property
    def _only_sees(self) -> bool:
        return self.step < self.options.see

    def _losses(self, batch: Batch) -> Losses:
        if batch.asks and not self._only_sees:
            return losses(self.reader, batch)
        dense, accuracy = see_loss(self.reader, batch)
        nothing = dense.new_zeros(())
        return Losses(nothing, dense, nothing, nothing, nothing, accuracy)

    def _schedule(self) -> float:
        left = self.options.steps - self.step
        since = self.step - (self.begun if self._only_sees else max(self.begun, self.options.see))
        falling = left / self.options.decay if self.options.decay else 1.0
        return min(1.0, (since + 1) / _WARMUP_STEPS, falling)

    def _share_gradients(self) -> None:
        if self.world > 1:
            # Where documents have nothing to teach the dense head, the other process may have.
            learning = [p for p in self.parameters if p.grad is not None or not self._only_sees]
            for parameter in learning:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
            flat = torch.nn.utils.parameters_to_vector([p.grad for p in learning])
            dist.all_reduce(flat)
            for parameter, gradient in zip(learning, flat.split([p.numel() for p in learning]), strict=True):
                parameter.grad.copy_(gradient.view_as(parameter))

    def _housekeeping(self, recent: list[Measured], seconds: float) -> None:
        if self.step % _LOG_EVERY == 0:
            print(f"step {self.step} {seconds:.0f}s cpu {time.process_time():.0f}s {summary(recent)}", flush=True)
        if self.options.smoke:
            return
        if self.step % _SAVE_EVERY == 0:
            self._save()
        if self.step % _REPORT_EVERY == 0:
            found = report(self.average, self.options.work, self.options.device, only_seeing=self._only_sees)
            print(f"step {self.step} held out: {found}", flush=True)

    def _save(self) -> None:
        state = {name: value.state_dict() for name, value in self._stateful().items()}
        torch.save(state | {"step": self.step, "begun": self.begun}, self.path.with_suffix(".new"))
        os.replace(self.path.with_suffix(".new"), self.path)

    def _restore(self) -> None:
        state = torch.load(self.path, map_location=self.options.device)
        self.step = state["step"]
        self.begun = state.get("begun", self.step)
        for name, value in self._stateful().items():
            if name in state:
                value.load_state_dict(state[name])

    def _stateful(self) -> dict[str, torch.nn.Module | torch.optim.Optimizer]:
        return {"reader": self.reader, "average": self.average, "optimizer": self.optimizer}


def summary(recent: list[Measured]) -> str:
    """Means of the losses, apart for what the batches showed."""
    said = []
    for name in sorted({shown for _, shown in recent}):
        chosen = [torch.stack(loss) for loss, shown in recent if shown == name]
        means = torch.stack(chosen).mean(0).tolist()
        said.append(f"{name} " + " ".join(f"{key} {x:.3f}" for key, x in zip(Losses._fields, means, strict=True)))
    return " | ".join(said)


def smoke(options: argparse.Namespace) -> int:
    """0 if strips equal the whole model and the loss falls, 1 otherwise."""
    trainer = Trainer(argparse.Namespace(**vars(options) | _SMOKE))
    difference = strip_difference(trainer.reader)
    course = [loss.answer.item() for loss, _ in trainer.run()]
    fall = sum(course[:5]) / 5 - sum(course[-5:]) / 5
    print(f"strips differ from the whole model by {difference:.1e}; the loss fell by {fall:.2f}")
    return int(difference > _STRIP_TOLERANCE or fall < _SMOKE_FALL)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="where fonts.json is and state.pt will be")
    parser.add_argument("--steps", type=int, default=0, help="train up to this step")
    parser.add_argument("--decay", type=int, default=0, help="let the rate fall to zero over so many last steps")
    parser.add_argument("--see", type=int, default=0, help="up to this step, train only what sees")
    parser.add_argument("--decoder-only", action="store_true", help="leave what sees as it is")
    parser.add_argument("--asking", type=float, default=0.0, help="share of documents with questions, 0 to 1")
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--parts", type=int, default=2, help="batches in a step")
    parser.add_argument("--budget", type=int, default=1600, help="patches in a batch")
    parser.add_argument("--workers", type=int, default=0, help="processes that draw")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    if options.smoke:
        return smoke(options)
    if "RANK" in os.environ:
        dist.init_process_group("gloo")
    Trainer(options).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
