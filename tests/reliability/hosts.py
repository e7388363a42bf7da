"""Two processes that stand for two hosts: with networks of their own, and one that is late or slow."""

from __future__ import annotations

import contextlib
import random
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.reliability.processes import (
    RUN,
    Process,
    as_superuser,
    assert_alike,
    assert_same,
    free_port,
    last_line,
    running_first,
    start,
    team,
    uninterrupted,
    wait,
)
from tests.reliability.scenario import Broken, Scenario

# Longer than Gloo waits for a partner, which is 30 s.
LATE = 45.0
# Read by the Python of process 1 at its start: what a run is prepared with first takes long, once.
BUSY = f"""
import time
import jax
eval_shape, waits = jax.eval_shape, [{LATE}]
def late(*arguments, **options):
    time.sleep(waits.pop() if waits else 0)
    return eval_shape(*arguments, **options)
jax.eval_shape = late
"""
ADDRESSES = ("10.213.7.1", "10.213.7.2")


@contextlib.contextmanager
def two_networks() -> Iterator[list[str]]:
    """The names of two network namespaces with a cable between them. They take the superuser of Linux."""
    names = ["aeden0", "aeden1"]
    try:
        for name in names:
            as_superuser("ip", "netns", "add", name)
        as_superuser(
            "ip", "link", "add", "cable0", "netns", names[0], "type", "veth", "peer", "cable1", "netns", names[1]
        )
        for i, (name, address) in enumerate(zip(names, ADDRESSES, strict=True)):
            as_superuser("ip", "-n", name, "addr", "add", f"{address}/24", "dev", f"cable{i}")
            for device in ("lo", f"cable{i}"):
                as_superuser("ip", "-n", name, "link", "set", device, "up")
        yield names
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def _member(folder: Path, address: str, number: int, before: Sequence[str] = ()) -> Process:
    """Starts one of two processes of a run."""
    meeting = (f"--coordinator={address}", "--processes=2", f"--process={number}", "--cpu_devices=1")
    return start("experiments.main", *RUN, f"--workdir={folder / 'run'}", *meeting, before=before)


def _assert_ended(processes: Sequence[Process]) -> None:
    statuses = wait(processes)
    if any(statuses):
        raise Broken(f"statuses {statuses}: {last_line(processes[0])[:200]}; {last_line(processes[1])[:200]}")


def networks(folder: Path, dice: random.Random) -> None:
    """Two processes that reach each other over a network only, as two hosts do; the folder is shared."""
    address = f"{ADDRESSES[0]}:{free_port()}"
    with two_networks() as names:
        _assert_ended([_member(folder, address, i, ("ip", "netns", "exec", name)) for i, name in enumerate(names)])
    assert_alike(folder / "run", uninterrupted(1, "--cpu_devices=2"), 1e-6)


def late(folder: Path, dice: random.Random) -> None:
    """One of two processes comes long after the other."""
    address = f"127.0.0.1:{free_port()}"
    order = dice.sample((0, 1), 2)
    processes = [_member(folder, address, order[0])]
    time.sleep(LATE)
    if processes[0].poll() is not None:
        raise Broken(f"process {order[0]} did not wait: {last_line(processes[0])[:200]}")
    processes.append(_member(folder, address, order[1]))
    _assert_ended(processes)
    assert_same(folder / "run", uninterrupted(2))


def busy(folder: Path, dice: random.Random) -> None:
    """One of two processes takes long to prepare the run, as on a busy machine, after both have joined."""
    _assert_ended(team(2, folder / "run", surroundings=running_first(BUSY, folder)))
    assert_same(folder / "run", uninterrupted(2))


def scenarios() -> list[Scenario]:
    """All of them."""
    return [
        Scenario(
            "networks",
            "2 processes in two network namespaces with a cable between them, 50 steps",
            "losses and figures of one process to 1e-6",
            3,
            networks,
        ),
        Scenario(
            "late",
            f"one of 2 processes starts {LATE:.0f} s after the other",
            "the run ends bit for bit as if undisturbed",
            4,
            late,
        ),
        Scenario(
            "busy",
            f"process 1 takes {LATE:.0f} s longer to prepare the run, after both have joined",
            "the run ends bit for bit as if undisturbed",
            2,
            busy,
        ),
    ]
