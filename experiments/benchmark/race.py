"""Times peers in turn: each runs in a process of its own, and only one works at a time.

Absolute times drift with the machine. Ratios of medians over rounds that are close in time are stable.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aeden.runtime import malloc
from experiments.benchmark.peers import Absent

# Name in tables -> module of `experiments.benchmark.peers` and variant.
PEERS = {
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
# The tables give speeds relative to the fastest of these.
OTHER_LIBRARIES = tuple(name for name in PEERS if name.startswith(("Keras", "PyTorch")))
# A process whose output has ended gets this long to exit before it is killed.
EXIT_SECONDS = 5.0


class Worker:
    """The process of one peer.

    The process is stopped between requests: idle threads of some libraries spin for a while, or for ever, and would
    slow down the next peer.

    Args:
      command: starts the process, which follows the protocol of `experiments.benchmark.peers.__main__`.
      environment: its environment variables; those of this process by default.
    """

    def __init__(self, command: Sequence[str], environment: dict[str, str] | None = None):
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    @property
    def ended(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    def ask(self, job: str, settings: dict[str, Any], steps: int) -> dict[str, Any]:
        """Runs some steps of a job.

        Returns:
          {"seconds": of all steps together, "description": of the job}.

        Raises:
          Absent: the peer cannot run this job, or its process ended. The message gives the reason.
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
        if not line.endswith("\n"):
            raise Absent(self._exit_reason())
        self._process.send_signal(signal.SIGSTOP)
        answer = json.loads(line)
        if "absent" in answer:
            raise Absent(answer["absent"])
        return answer

    def _exit_reason(self) -> str:
        try:
            status = self._process.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return "its process closed its output"
        if status < 0:
            return f"its process was killed by {signal.Signals(-status).name}"
        return f"its process exited with status {status}"

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.communicate()


def start_peer(name: str) -> Worker:
    """Starts the process of a peer of `PEERS`."""
    # aeden runs with the allocator settings of experiments.main, the others as their users run them.
    tuned = {"GLIBC_TUNABLES": malloc.TUNABLES} if name.startswith("aeden") else {}
    return Worker(
        [sys.executable, "-m", "experiments.benchmark.peers", PEERS[name]],
        {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ, **tuned},
    )


@dataclass
class Timing:
    """The times of one peer for one job.

    Attributes:
      name: of the peer.
      description: what was built: devices, version, parameters.
      seconds: per step, one value per round.
      absent: why the peer has no times; empty if it has.
    """

    name: str
    description: dict[str, Any] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    absent: str = ""

    @property
    def median(self) -> float:
        """Median over the rounds, in seconds per step."""
        return statistics.median(self.seconds)

    def record(self) -> dict[str, Any]:
        """As plain data."""
        if self.absent:
            return {"name": self.name, "absent": self.absent}
        return {"name": self.name, **self.description, "seconds_a_step": self.seconds, "median_seconds": self.median}


class Race:
    """Times peers in turn. A peer's process starts with the peer's first job, and again if it has ended.

    Args:
      rounds: per peer and job.
      seconds: approximate length of a round.
      show: receives one line about what is being done.
      start: starts the process of a peer.
    """

    def __init__(
        self,
        rounds: int,
        seconds: float,
        show: Callable[[str], object],
        start: Callable[[str], Worker] = start_peer,
    ):
        self._rounds, self._seconds, self._show, self._start = rounds, seconds, show, start
        self._workers: dict[str, Worker] = {}

    def __enter__(self) -> Race:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers.values():
            worker.close()

    def run(self, names: Sequence[str], job: str, settings: dict[str, Any]) -> list[Timing]:
        """Times a job on peers. A peer that fails is absent, with the reason, and the others go on."""
        timings = [Timing(name) for name in names]
        steps: dict[str, int] = {}
        for timing in timings:
            self._show(f"{timing.name}: building")
            try:
                steps[timing.name] = self._build(timing, job, settings)
            except Absent as reason:
                timing.absent = str(reason)
        for number in range(self._rounds):
            for timing in timings:
                if not timing.absent:
                    self._show(f"round {number + 1} of {self._rounds}: {timing.name}")
                    try:
                        timing.seconds.append(self._round(timing.name, job, settings, steps[timing.name]))
                    except Absent as reason:
                        timing.absent = str(reason)
        return timings

    def _build(self, timing: Timing, job: str, settings: dict[str, Any]) -> int:
        """Builds a job and sets its description. Returns the number of steps per round."""
        worker = self._running(timing.name)
        worker.ask(job, settings, 1)
        answer = worker.ask(job, settings, 3)
        timing.description = answer["description"]
        return max(1, round(self._seconds / (answer["seconds"] / 3)))

    def _round(self, name: str, job: str, settings: dict[str, Any], steps: int) -> float:
        """Seconds per step over one round."""
        # The system may have reclaimed memory of the stopped process: half a round untimed brings it back.
        self._workers[name].ask(job, settings, -(-steps // 2))
        return self._workers[name].ask(job, settings, steps)["seconds"] / steps

    def _running(self, name: str) -> Worker:
        if name in self._workers and self._workers[name].ended:
            self._workers.pop(name).close()
        if name not in self._workers:
            self._workers[name] = self._start(name)
        return self._workers[name]
