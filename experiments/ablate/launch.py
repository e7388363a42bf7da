"""How the runs of a grid are started: as processes of this machine, or as jobs of a cluster."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from aeden.runtime import processes

PATIENCE = 60.0


class Job:
    """What is started: a command, and the file that its output is added to, after `offset` bytes of earlier starts."""

    def __init__(self, name: str, arguments: list[str], log: Path):
        self.name, self.arguments, self.log = name, arguments, log
        self.offset = log.stat().st_size if log.exists() else 0

    def command(self) -> list[str]:
        """The whole command line."""
        return [sys.executable, *self.arguments]


# Jobs as they end, each with its exit status.
Ended = Generator[tuple[Job, int], None, None]


def gpus() -> list[str]:
    """The NVIDIA GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them, without taking hold of any."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name.strip() for name in given.split(",") if name.strip() not in ("", "-1")]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True, timeout=20).stdout
        return [str(i) for i in range(listed.count("GPU "))]
    return []


def seats(jobs: int = 0) -> list[dict[str, Any]]:
    """Where runs may sit beside each other: a GPU each, or an equal share of the cores.

    Args:
      jobs: how many; 0 for a GPU each, or a core each where there is none.
    """
    found = gpus()
    if found:
        return [{"gpu": found[i % len(found)]} for i in range(jobs or len(found))]
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(processes.cores()))
    number = min(jobs or len(allowed), len(allowed))
    return [{"cores": set(allowed[i::number])} for i in range(number)]


def run_local(jobs: list[Job], seats: list[dict[str, Any]], tell: Callable[[int], None]) -> Ended:
    """Runs jobs in processes of this machine, one a seat at a time; yields each with its exit status as it ends.

    However this ends, the processes that still run are asked to save and stop, and waited for.

    Args:
      jobs: in the order in which they start.
      seats: see `seats`.
      tell: is told several times a second how many run.
    """
    waiting, free = list(jobs), list(seats)
    running: list[tuple[Job, subprocess.Popen[bytes], dict[str, Any]]] = []
    try:
        while waiting or running:
            while waiting and free:
                seat, job = free.pop(0), waiting.pop(0)
                running.append((job, _start(job, seat), seat))
            for item in list(running):
                job, process, seat = item
                if process.poll() is not None:
                    running.remove(item)
                    free.append(seat)
                    yield job, process.returncode
            tell(len(running))
            time.sleep(0.1)
    finally:
        for _, process, _ in running:
            process.terminate()
        deadline = time.monotonic() + PATIENCE
        for _, process, _ in running:
            try:
                process.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _start(job: Job, seat: dict[str, Any]) -> subprocess.Popen[bytes]:
    environment = dict(os.environ)
    if "gpu" in seat:
        environment["CUDA_VISIBLE_DEVICES"] = seat["gpu"]
    # A killed sweep leaves no run behind that would hold its folder's lock.
    environment[processes.PARENT] = str(os.getpid())
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with open(job.log, "ab") as log:
        # A session of its own: Ctrl-C reaches it once, from here, and not a second time from the terminal.
        process = subprocess.Popen(
            job.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment, start_new_session=True
        )
    if "cores" in seat and hasattr(os, "sched_setaffinity"):
        # From here, since a process with JAX's threads must not fork; long before the other starts its own threads.
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(process.pid, seat["cores"])
    return process


def run_submitted(jobs: list[Job], executor: Any, tell: Callable[[int], None]) -> Ended:
    """Runs jobs by a submitit executor, all of them submitted at once; yields each with its exit status as it ends.

    However this ends, the jobs that still run are cancelled: a run saves, and goes on when it is submitted again.

    Args:
      jobs: what to run.
      executor: of submitit, e.g. an `AutoExecutor` with its partition and time.
      tell: is told several times a second how many are not finished.
    """
    waiting = [(job, executor.submit(execute, job.command(), str(job.log))) for job in jobs]
    try:
        while waiting:
            for item in list(waiting):
                job, submitted = item
                if submitted.done():
                    waiting.remove(item)
                    yield job, _status(submitted, job)
            tell(len(waiting))
            time.sleep(0.2)
    finally:
        for _, submitted in waiting:
            submitted.cancel()


def execute(command: list[str], log: str) -> int:
    """Runs a command whose output goes to a file, in the job's own process; its exit status."""
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    with open(log, "ab") as output:
        return subprocess.run(command, stdout=output, stderr=output, check=False).returncode


def _status(submitted: Any, job: Job) -> int:
    """The exit status of a submitted job; where the cluster lost it, what it says goes to the job's log."""
    try:
        return int(submitted.result())
    except Exception as error:  # submitit raises assorted ones: a job killed, timed out, or never started
        job.log.parent.mkdir(parents=True, exist_ok=True)
        with open(job.log, "a") as log:
            log.write(f"error: the job was lost: {' '.join(str(error).split())[:500]}\n")
        return 1
