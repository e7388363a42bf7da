"""Runs contenders side by side: each in a process of its own, turn by turn, one at work at a time.

Absolute times drift with the machine; what holds is the ratio of medians over rounds that lie close together.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

from aeden.runtime import malloc

# Names in tables, and the module and variant behind them.
CONTENDERS = {
    "aeden": "aeden_itself",
    "aeden (reference lowering)": "aeden_itself reference",
    "plain Flax": "plain_flax",
    "Keras on TensorFlow": "keras3 tensorflow",
    "Keras on JAX": "keras3 jax",
    "PyTorch": "pytorch eager",
    "PyTorch (channels last)": "pytorch channels_last",
    "PyTorch (compiled)": "pytorch compile",
    "PyTorch (CUDA graphs)": "pytorch graphs",
}
PEERS = tuple(name for name in CONTENDERS if name.startswith(("Keras", "PyTorch")))


class Worker:
    """A contender's process."""

    def __init__(self, name: str):
        # As experiments.main does for aeden itself; the others run as a user would find them.
        tuned = {"GLIBC_TUNABLES": malloc.TUNABLES} if name.startswith("aeden") else {}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "experiments.benchmark.peers", CONTENDERS[name]],
            env={"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ, **tuned},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ask(self, job: str, settings: dict[str, Any], steps: int) -> dict[str, Any]:
        """Has some steps of a job done, and returns the answer. In between the process is stopped.

        The idle threads of some libraries spin for a while, or for ever, and would slow down whoever is next.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.send_signal(signal.SIGCONT)
        try:
            self._process.stdin.write(json.dumps({"job": job, "settings": settings, "steps": steps}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        self._process.send_signal(signal.SIGSTOP)
        return json.loads(line) if line else {"absent": "its process ended"}

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.communicate()


@dataclass
class Timing:
    """What a contender needed for one job: its seconds a step, round by round; or why it could not do it."""

    name: str
    description: dict[str, Any] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    absent: str = ""

    @property
    def median(self) -> float:
        """Seconds a step."""
        return statistics.median(self.seconds)

    def record(self) -> dict[str, Any]:
        """As plain data."""
        if self.absent:
            return {"name": self.name, "absent": self.absent}
        return {"name": self.name, **self.description, "seconds_a_step": self.seconds, "median_seconds": self.median}


class Race:
    """The contenders of one benchmark run, started when first wanted.

    Args:
      rounds: of each contender, for each job.
      seconds: length of a round, about.
      show: told what is being done, a line at a time.
    """

    def __init__(self, rounds: int, seconds: float, show: Any):
        self._rounds, self._seconds, self._show = rounds, seconds, show
        self._workers: dict[str, Worker] = {}

    def __enter__(self) -> Race:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers.values():
            worker.close()

    def run(self, names: tuple[str, ...], job: str, settings: dict[str, Any]) -> list[Timing]:
        """Times contenders at one job, turn by turn."""
        timings = [Timing(name) for name in names]
        steps: dict[str, int] = {}
        for timing in timings:
            self._show(f"{timing.name}: building")
            answer = self._ask(timing.name, job, settings, 1)
            if "absent" not in answer:
                answer = self._ask(timing.name, job, settings, 3)
            if "absent" in answer:
                timing.absent = answer["absent"]
                continue
            timing.description = answer["description"]
            steps[timing.name] = max(1, round(self._seconds / (answer["seconds"] / 3)))
        for number in range(self._rounds):
            for timing in timings:
                if not timing.absent:
                    self._show(f"round {number + 1} of {self._rounds}: {timing.name}")
                    # The system takes memory from a process that waits: half a round, untimed, to have it back.
                    self._ask(timing.name, job, settings, -(-steps[timing.name] // 2))
                    answer = self._ask(timing.name, job, settings, steps[timing.name])
                    timing.seconds.append(answer["seconds"] / steps[timing.name])
        return timings

    def _ask(self, name: str, job: str, settings: dict[str, Any], steps: int) -> dict[str, Any]:
        if name not in self._workers:
            self._workers[name] = Worker(name)
        return self._workers[name].ask(job, settings, steps)
