"""Processes of aeden's commands, and what is compared between runs."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tests.reliability.scenario import Broken

ROOT = Path(__file__).parents[2]
# Fifty steps with a checkpoint every tenth; batches of 64 are shared by 1, 2, 4 and 8 devices.
RUN = ("--config=configs/smoke.py", "--config.epochs=0.0", "--config.steps=50", "--config.checkpoint.every=10")
# Longer than any start of several processes on two busy cores.
PATIENCE = 300.0
Process = subprocess.Popen[str]


def start(*arguments: str, before: Sequence[str] = (), **environment: str) -> Process:
    """Starts `python -m ARGUMENTS` from the repository. It writes to files, so that it never waits for a reader.

    Args:
      *arguments: a module and its arguments.
      before: the start of a command that takes another one as its last arguments.
      **environment: variables that differ from ours; "" leaves one out.
    """
    streams = [tempfile.TemporaryFile("w+") for _ in range(2)]  # noqa: SIM115 (closed with the process)
    process = subprocess.Popen(
        [*before, sys.executable, "-m", *arguments],
        cwd=ROOT,
        env={name: value for name, value in {**os.environ, **environment}.items() if value},
        stdout=streams[0],
        stderr=streams[1],
        text=True,
    )
    process.streams = streams  # type: ignore[attr-defined]
    return process


def running_first(code: str, folder: Path) -> dict[str, str]:
    """The variables of a process whose Python runs some code before anything else.

    Args:
      code: of Python.
      folder: an existing folder, in which a new one takes the code.
    """
    (folder / "first").mkdir()
    (folder / "first/sitecustomize.py").write_text(code)
    return {"PYTHONPATH": f"{folder / 'first'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}


def as_superuser(*command: str) -> None:
    """Runs a command that takes the superuser of Linux. Raises `Broken` if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Broken(f"not tried, as it takes the superuser of Linux: {done.stderr.strip()}")


def said(process: Process) -> str:
    """What a process has written on standard error so far."""
    stream = process.streams[1]  # type: ignore[attr-defined]
    stream.seek(0)
    return str(stream.read())


def last_line(process: Process) -> str:
    """The last line that a process has written on standard error."""
    return (said(process).strip().splitlines() or [""])[-1]


def wait(processes: Sequence[Process], seconds: float = PATIENCE) -> list[int]:
    """The exit statuses. Raises `Broken` if a process is not over in time; none is left then."""
    deadline = time.monotonic() + seconds
    try:
        return [process.wait(max(0.1, deadline - time.monotonic())) for process in processes]
    except subprocess.TimeoutExpired:
        late = [i for i, process in enumerate(processes) if process.poll() is None]
        raise Broken(f"process {late[0]} of {len(processes)} was not over after {seconds:.0f} s") from None
    finally:
        end(processes)


def end(processes: Sequence[Process]) -> None:
    """Kills what still lives, also if it is stopped."""
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()


def free_port() -> int:
    """A free port below those that systems give to any socket that asks for none."""
    for port in random.SystemRandom().sample(range(20_000, 30_000), 100):
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    raise OSError("no port is free")


def team(
    number: int,
    folder: Path,
    *options: str,
    differing: Sequence[str] = (),
    surroundings: Mapping[str, str] | None = None,
    **environment: str,
) -> list[Process]:
    """Starts processes of one run with one CPU device each; a single one trains by itself.

    Args:
      number: of processes.
      folder: the run folder.
      *options: of all.
      differing: further options of the last one.
      surroundings: variables of the environment of the last one alone.
      **environment: as of `start`.
    """
    common = ("experiments.main", *RUN, f"--workdir={folder}", *options)
    last = {**environment, **(surroundings or {})}
    if number == 1:
        return [start(*common, *differing, **last)]
    meeting = (f"--coordinator=127.0.0.1:{free_port()}", f"--processes={number}", "--cpu_devices=1")
    first = [start(*common, *meeting, f"--process={i}", **environment) for i in range(number - 1)]
    return [*first, start(*common, *meeting, f"--process={number - 1}", *differing, **last)]


def make(number: int, folder: Path, *options: str) -> None:
    """A whole run by several processes. Raises `Broken` if it fails."""
    processes = team(number, folder, *options)
    statuses = wait(processes)
    if any(statuses):
        first = next(i for i, status in enumerate(statuses) if status)
        raise Broken(f"process {first} of {number} failed: {last_line(processes[first])}")


@functools.cache
def uninterrupted(number: int, *options: str) -> Path:
    """The folder of a run by several processes that nothing disturbs, made once."""
    folder = Path(tempfile.mkdtemp()) / "run"
    make(number, folder, *options)
    return folder


def rows(folder: Path) -> int:
    """Lines of the metrics of a run so far."""
    path = folder / "metrics.csv"
    return path.read_text().count("\n") if path.exists() else 0


def until_training(processes: Sequence[Process], folder: Path, more: int) -> bool:
    """Waits until the metrics of a run have some more lines; whether the processes were still at work then."""
    before, deadline = rows(folder), time.monotonic() + PATIENCE
    while rows(folder) <= before + more and all(process.poll() is None for process in processes):
        if time.monotonic() > deadline:
            end(processes)
            raise Broken(f"no training step within {PATIENCE:.0f} s")
        time.sleep(0.01)
    return all(process.poll() is None for process in processes)


def losses(folder: Path) -> np.ndarray:
    """The training loss of each step."""
    table = np.genfromtxt(folder / "metrics.csv", delimiter=",", names=True)
    return np.asarray(table["train_loss"])


def assert_alike(folder: Path, other: Path, tolerance: float) -> None:
    """Raises `Broken` unless losses and test figures of two runs agree."""
    if losses(folder).shape != losses(other).shape:
        raise Broken(f"{len(losses(folder))} steps in place of {len(losses(other))}")
    off = float(np.abs(losses(folder) - losses(other)).max())
    if not off <= tolerance:
        raise Broken(f"losses differ by {off:.1g}")
    ours, its = (json.loads((at / "summary.json").read_text())["test"] for at in (folder, other))
    for name in ("bce", "mse", "ssim"):
        if not abs(ours[name] - its[name]) <= tolerance:
            raise Broken(f"test {name} differs by {abs(ours[name] - its[name]):.1g}")


def assert_same(folder: Path, other: Path) -> None:
    """Raises `Broken` unless two runs have the same metrics, test figures and restored images, bit for bit."""
    if (folder / "metrics.csv").read_bytes() != (other / "metrics.csv").read_bytes():
        raise Broken("metrics.csv differs from that of the uninterrupted run")
    ours, its = (json.loads((at / "summary.json").read_text()) for at in (folder, other))
    for name in ("test", "noisy", "validation", "steps"):
        if ours[name] != its[name]:
            raise Broken(f"{name} differs from that of the uninterrupted run")
    with np.load(folder / "examples.npz") as mine, np.load(other / "examples.npz") as theirs:
        for name in theirs:
            if not np.array_equal(mine[name], theirs[name]):
                raise Broken(f"the images {name} differ from those of the uninterrupted run")


def send(process: Process, name: str) -> None:
    """Sends a signal by its name."""
    process.send_signal(getattr(signal, name))
