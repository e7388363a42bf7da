"""Times peers in turn: each runs in a process of its own, and only one works at a time.

Absolute times drift with the machine. Ratios of medians over rounds that are close in time are stable. The order of the
peers is shuffled in every round, so that no peer always follows the same one.
"""

from __future__ import annotations

import json
import random
import select
import signal
import statistics
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from experiments.benchmark.peers import Absent

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

    def ask(self, job: str, settings: dict[str, Any], steps: int, limit: float | None = None) -> dict[str, Any]:
        """Runs some steps of a job.

        Args:
          job: name of the job.
          settings: its settings.
          steps: number of steps.
          limit: seconds after which the process is killed; None for no limit.

        Returns:
          {"seconds": of all steps together, "description": of the job}.

        Raises:
          Absent: the peer cannot run this job, its process ended, or the time is over. The message gives the reason.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.send_signal(signal.SIGCONT)
        try:
            self._process.stdin.write(json.dumps({"job": job, "settings": settings, "steps": steps}) + "\n")
            self._process.stdin.flush()
            # An answer is a single line, so nothing is buffered here.
            if limit is not None and not select.select([self._process.stdout], [], [], limit)[0]:
                self.close()
                raise Absent(f"it took longer than {limit:.0f} s")
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line.endswith("\n"):
            raise Absent(self._exit_reason())
        self._process.send_signal(signal.SIGSTOP)
        try:
            answer = json.loads(line)
        except json.JSONDecodeError as error:
            raise Absent(f"its answer is not JSON: {line.strip()[:80]}") from error
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


class Startable(Protocol):
    """What a race can time: see `experiments.benchmark.libraries.Peer`."""

    @property
    def name(self) -> str:
        """Name in the tables."""

    def start(self) -> Worker:
        """Starts its process."""


def shuffled(names: Sequence[str], rounds: int, seed: int, job: str, settings: Mapping[str, Any]) -> list[list[str]]:
    """The order of the peers in every round, each a new permutation. It depends on the arguments only."""
    generator = random.Random(json.dumps([seed, job, dict(settings)], sort_keys=True))
    return [generator.sample(list(names), len(names)) for _ in range(rounds)]


class Race:
    """Times peers in turn. A peer's process starts with the peer's first job, and again if it has ended.

    Args:
      rounds: per peer and job.
      seconds: approximate length of a round.
      show: receives one line about what is being done.
      seed: of the order of the peers, see `shuffled`.
      limit: seconds that one answer of a peer may take; None for no limit.
    """

    def __init__(
        self,
        rounds: int,
        seconds: float,
        show: Callable[[str], object],
        seed: int = 0,
        limit: float | None = None,
    ):
        self._rounds, self._seconds, self._show = rounds, seconds, show
        self._seed, self._limit = seed, limit
        self._workers: dict[str, Worker] = {}

    def __enter__(self) -> Race:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers.values():
            worker.close()

    def stop(self, name: str) -> None:
        """Ends the process of a peer, if it has one."""
        if name in self._workers:
            self._workers.pop(name).close()

    def run(self, peers: Sequence[Startable], job: str, settings: dict[str, Any]) -> list[Timing]:
        """Times a job on peers. A peer that fails is absent, with the reason, and the others go on."""
        timings = {peer.name: Timing(peer.name) for peer in peers}
        steps: dict[str, int] = {}
        for peer in peers:
            self._show(f"{peer.name}: building")
            try:
                steps[peer.name] = self._build(peer, timings[peer.name], job, settings)
            except Absent as reason:
                timings[peer.name].absent = str(reason)
        orders = shuffled(list(timings), self._rounds, self._seed, job, settings)
        for number, order in enumerate(orders):
            for timing in (timings[name] for name in order):
                if not timing.absent:
                    self._show(f"round {number + 1} of {self._rounds}: {timing.name}")
                    try:
                        timing.seconds.append(self._round(timing.name, job, settings, steps[timing.name]))
                    except Absent as reason:
                        timing.absent = str(reason)
        return list(timings.values())

    def _build(self, peer: Startable, timing: Timing, job: str, settings: dict[str, Any]) -> int:
        """Builds a job and sets its description. Returns the number of steps per round."""
        worker = self._running(peer)
        worker.ask(job, settings, 1, self._limit)
        answer = worker.ask(job, settings, 3, self._limit)
        timing.description = answer["description"]
        return max(1, round(self._seconds / (answer["seconds"] / 3)))

    def _round(self, name: str, job: str, settings: dict[str, Any], steps: int) -> float:
        """Seconds per step over one round."""
        # The system may have reclaimed memory of the stopped process: half a round untimed brings it back.
        self._workers[name].ask(job, settings, -(-steps // 2), self._limit)
        return self._workers[name].ask(job, settings, steps, self._limit)["seconds"] / steps

    def _running(self, peer: Startable) -> Worker:
        if peer.name in self._workers and self._workers[peer.name].ended:
            self.stop(peer.name)
        if peer.name not in self._workers:
            self._workers[peer.name] = peer.start()
        return self._workers[peer.name]
