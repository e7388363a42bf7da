"""Several processes that make one run."""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable
from pathlib import Path

from tests.reliability.processes import (
    assert_alike,
    assert_same,
    end,
    last_line,
    make,
    running_first,
    said,
    send,
    team,
    uninterrupted,
    until_training,
    wait,
)
from tests.reliability.scenario import Broken, Scenario

# Seconds in which the others notice that one is lost, and in which a difference is refused once all have joined.
LOST, REFUSED = 60.0, 30.0
# Options of the last process that differ, and what the message has to name.
DIFFERENCES = {
    "learning_rate": "--config.learning_rate=0.004",
    "seed": "--config.seed=1",
    "data.limit": "--config.data.limit=256",
}
# Read by the Python of the last process at its start: one of its packages says that it has another version.
VERSION = """
import importlib.metadata
version = importlib.metadata.version
importlib.metadata.version = lambda name: "0.0.1" if name == "optax" else version(name)
"""


def alike(number: int, folder: Path, dice: random.Random) -> None:
    """Several processes end with the figures of one."""
    make(number, folder / "run")
    assert_alike(folder / "run", uninterrupted(1, f"--cpu_devices={number}"), 1e-6)


def handed_over(before: int, after: int, folder: Path, dice: random.Random) -> None:
    """A run is stopped at one of its processes and continued by another number of them."""
    run = folder / "run"
    processes = team(before, run)
    if until_training(processes, run, dice.randint(5, 30)):
        send(dice.choice(processes), "SIGTERM")
    statuses = wait(processes)
    if any(status not in (0, 130) for status in statuses):
        raise Broken(f"statuses {statuses} after SIGTERM: {last_line(processes[0])}")
    make(after, run)
    assert_alike(run, uninterrupted(1, f"--cpu_devices={before}"), 1e-5)


def refused(field: str, folder: Path, dice: random.Random) -> None:
    """The last process has another value of a field, another folder, or another version of a package."""
    own: list[str] = []
    surroundings: dict[str, str] = {}
    if field == "version of optax":
        surroundings = running_first(VERSION, folder)
    else:
        own = [f"--workdir={folder / 'other'}" if field == "run folder" else DIFFERENCES[field]]
    began = time.monotonic()
    processes = team(2, folder / "run", differing=own, surroundings=surroundings)
    statuses = wait(processes, 90)
    took = time.monotonic() - began
    if 0 in statuses:
        raise Broken(f"it was not refused: statuses {statuses}")
    for process in processes:
        if field not in last_line(process) and "folder" not in last_line(process):
            raise Broken(f"the message does not name it: {last_line(process)[:200]}")
        if "Traceback" in said(process):
            raise Broken("a traceback")
    if took > 2 * REFUSED:
        raise Broken(f"refused after {took:.0f} s, with the start")
    if (folder / "run/metrics.csv").exists():
        raise Broken("it was refused after training began")


def lost(how: str, which: int, folder: Path, dice: random.Random) -> None:
    """One of two processes is killed or stopped while they train; then both are started again."""
    run = folder / "run"
    processes = team(2, run)
    if not until_training(processes, run, dice.randint(3, 35)):
        end(processes)
        raise Broken(f"it ended before it was disturbed: {last_line(processes[0])}")
    time.sleep(dice.random() / 2)
    other = processes[1 - which]
    send(processes[which], how)
    try:
        status = wait([other], LOST)[0]
    finally:
        end(processes)
    if status == 0:
        raise Broken("the other process ended with status 0")
    lines = [line for line in said(other).splitlines() if "error" in line.lower() or "lost" in line]
    if "Traceback" in said(other) or not lines:
        raise Broken(f"no clear line: {last_line(other)[:200]}")
    make(2, run)
    assert_same(run, uninterrupted(2))


def scenarios() -> list[Scenario]:
    """All of them."""

    def one(
        name: str, tried: str, promised: str, times: int, what: Callable[..., None], *arguments: object
    ) -> Scenario:
        return Scenario(name, tried, promised, times, functools.partial(what, *arguments))

    found = [
        one(f"alike{n}", f"{n} processes, 50 steps", "losses and figures of one process to 1e-6", 20, alike, n)
        for n in (2, 4)
    ]
    found += [
        one(
            f"handed_over_{a}_to_{b}",
            f"SIGTERM at {f'one of {a} processes' if a > 1 else 'one process'}, the run is continued by {b}",
            "all save the same step; figures of an uninterrupted run to 1e-5",
            3,
            handed_over,
            a,
            b,
        )
        for a, b in ((2, 1), (2, 4), (1, 2), (4, 2))
    ]
    found += [
        one(f"other_{field}", f"another {field} in process 1", "both refuse it and name it", 3, refused, field)
        for field in (*DIFFERENCES, "run folder", "version of optax")
    ]
    return found + [
        one(
            f"{how}_{which}",
            f"{how} of process {which} of 2 while they train",
            "the other ends within 60 s in one line; both go on and end bit for bit as if undisturbed",
            5,
            lost,
            how,
            which,
        )
        for how in ("SIGKILL", "SIGSTOP")
        for which in (0, 1)
    ]
