"""Starts the runs of a grid: as processes of this machine, or as jobs of a cluster."""

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

# Seconds that a process may take to save and stop before it is killed.
PATIENCE = 60.0


class Job:
    """A command and the file that its output is appended to.

    Args:
      name: name of the job.
      arguments: arguments of the Python interpreter.
      log: the file.

    Attributes:
      offset: size of the file before this start, in bytes; the output of earlier starts lies before it.
    """

    def __init__(self, name: str, arguments: list[str], log: Path):
        self.name, self.arguments, self.log = name, arguments, log
        self.offset = log.stat().st_size if log.exists() else 0

    def command(self) -> list[str]:
        """The whole command line."""
        return [sys.executable, *self.arguments]


# Jobs as they end, each with its exit status.
Ended = Generator[tuple[Job, int], None, None]


def gpus() -> list[str]:
    """The NVIDIA GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them. None of them is initialised."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name.strip() for name in visible.split(",") if name.strip() not in ("", "-1")]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True, timeout=20).stdout
        return [str(i) for i in range(listed.count("GPU "))]
    return []


def seats(jobs: int = 0) -> list[dict[str, Any]]:
    """The places for jobs that run at the same time: one GPU each, or an equal share of the cores.

    Args:
      jobs: number of places; 0 for one per GPU, or one per core if there is no GPU.

    Returns:
      {"gpu": name} or {"cores": set of core numbers} of each place.
    """
    names = gpus()
    if names:
        return [{"gpu": names[i % len(names)]} for i in range(jobs or len(names))]
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(processes.cores()))
    number = min(jobs or len(allowed), len(allowed))
    return [{"cores": set(allowed[i::number])} for i in range(number)]


def run_local(jobs: list[Job], seats: list[dict[str, Any]], on_poll: Callable[[int], None]) -> Ended:
    """Runs jobs in processes of this machine, one per seat at a time; yields each with its exit status as it ends.

    However this ends, the processes that still run are asked to save and stop, and waited for.

    Args:
      jobs: in the order in which they start.
      seats: see `seats`.
      on_poll: called several times per second with the number of running jobs.
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
            on_poll(len(running))
            time.sleep(0.1)
    finally:
        _stop([process for _, process, _ in running])


def _stop(running: list[subprocess.Popen[bytes]]) -> None:
    """Asks processes to save and stop, waits for them, and kills those that take too long."""
    for process in running:
        process.terminate()
    deadline = time.monotonic() + PATIENCE
    for process in running:
        try:
            process.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _start(job: Job, seat: dict[str, Any]) -> subprocess.Popen[bytes]:
    environment = dict(os.environ)
    if "gpu" in seat:
        environment["CUDA_VISIBLE_DEVICES"] = seat["gpu"]
    # If this process is killed, no run may stay behind, because it would hold the lock of its folder.
    environment[processes.PARENT] = str(os.getpid())
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with open(job.log, "ab") as log:
        # In a session of its own, so that Ctrl-C reaches it once, from here, and not also from the terminal.
        process = subprocess.Popen(
            job.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment, start_new_session=True
        )
    if "cores" in seat and hasattr(os, "sched_setaffinity"):
        # Set from here, because a process with JAX's threads must not run code between fork and exec. The new process
        # has not started its threads yet.
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(process.pid, seat["cores"])
    return process


def run_submitted(jobs: list[Job], executor: Any, on_poll: Callable[[int], None]) -> Ended:
    """Submits all jobs at once by a submitit executor; yields each with its exit status as it ends.

    However this ends, the jobs that still run are cancelled: they save, and continue when they are submitted again.

    Args:
      jobs: the jobs.
      executor: of submitit, e.g. an `AutoExecutor` with its partition and time limit.
      on_poll: called several times per second with the number of unfinished jobs.
    """
    waiting = [(job, executor.submit(execute, job.command(), str(job.log))) for job in jobs]
    try:
        while waiting:
            for item in list(waiting):
                job, submitted = item
                if submitted.done():
                    waiting.remove(item)
                    yield job, _status(submitted, job)
            on_poll(len(waiting))
            time.sleep(0.2)
    finally:
        for _, submitted in waiting:
            submitted.cancel()


def execute(command: list[str], log: str) -> int:
    """Runs a command within a submitted job, appends its output to a file and returns its exit status."""
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    with open(log, "ab") as output:
        return subprocess.run(command, stdout=output, stderr=output, check=False).returncode


def _status(submitted: Any, job: Job) -> int:
    """The exit status of a submitted job. If the cluster lost the job, its message is appended to the job's log."""
    try:
        return int(submitted.result())
    except Exception as error:  # submitit raises various types: a job was killed, timed out, or never started
        job.log.parent.mkdir(parents=True, exist_ok=True)
        with open(job.log, "a") as log:
            log.write(f"error: the job was lost: {' '.join(str(error).split())[:500]}\n")
        return 1
