"""Runs whose surroundings fail: a full or read-only disk, no home folder, no standard error, a clock set back."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.reliability.processes import (
    RUN,
    Process,
    as_superuser,
    assert_same,
    last_line,
    make,
    rows,
    running_first,
    said,
    start,
    team,
    uninterrupted,
    until_training,
    wait,
)
from tests.reliability.scenario import Broken, Scenario

# A run of these takes this many bytes on disk, and no more: its folder is on a disk of a random size below it.
MOST_BYTES = 900_000
SOAK_STEPS = 20_000
# Of a soak: what its memory may grow by after a tenth of its steps, in bytes. The rows of its metrics alone take ten.
GROWTH = 64 << 20
# Read by each Python at its start: from a random moment on, the time is that of the day before.
CLOCK = """
import os, time
began, clock, wait = time.monotonic(), time.time, float(os.environ["SET_BACK_AFTER"])
time.time = lambda: clock() - (86_400 if time.monotonic() > began + wait else 0)
"""


@contextlib.contextmanager
def disk(folder: Path, size: int) -> Iterator[Path]:
    """A disk of `size` bytes in memory. Only the superuser of Linux can mount one."""
    place = folder / "disk"
    place.mkdir()
    as_superuser("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place))
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=False)


def full_disk(folder: Path, dice: random.Random) -> None:
    """The disk of the run folder is full at some moment; with more room the same command goes on."""
    size = int(4096 * (MOST_BYTES / 4096) ** dice.random())
    with disk(folder, size) as place:
        run = place / "run"
        process = _main(run)
        if wait([process]) != [0]:
            assert_one_line(process, "No space left on device")
        as_superuser("mount", "-o", "remount,size=64m", str(place))
        make(1, run)
        assert_same(run, uninterrupted(1))


def read_only(folder: Path, dice: random.Random) -> None:
    """A run cannot start in a read-only folder; one that is finished there prints its result."""
    with disk(folder, 64 << 20) as place:
        make(1, place / "run")
        as_superuser("mount", "-o", "remount,ro", str(place))
        process = _main(place / "new")
        if wait([process]) == [0]:
            raise Broken("it ended with status 0 in a read-only folder")
        assert_one_line(process, "Read-only file system")
        again = _main(place / "run")
        if wait([again]) != [0]:
            raise Broken(f"the finished run failed: {last_line(again)[:200]}")


def no_home(folder: Path, dice: random.Random) -> None:
    """No home folder, or one that cannot be written to."""
    for i, home in enumerate(("", "/nonexistent", "/proc")):
        process = _main(folder / f"run{i}", HOME=home, AEDEN_CACHE="", XDG_CACHE_HOME="")
        if wait([process]) != [0]:
            raise Broken(f"HOME={home!r}: {last_line(process)[:200]}")
        assert_same(folder / f"run{i}", uninterrupted(1))


def no_stderr(folder: Path, dice: random.Random) -> None:
    """Standard error is closed, full, or has a reader that is gone."""
    for i, where in enumerate(("2>&-", "2>/dev/full", "2> >(exit)")):
        command = f'exec "$@" {where}'
        process = start(
            "experiments.main", *RUN, f"--workdir={folder / f'run{i}'}", before=("bash", "-c", command, "bash")
        )
        if wait([process]) != [0]:
            raise Broken(f"{where}: it ended with status {process.returncode}")
        assert_same(folder / f"run{i}", uninterrupted(1))


def clock_set_back(folder: Path, dice: random.Random) -> None:
    """The clock is set back by a day while a run works, which is then stopped and continued a day before its files."""
    first, run = running_first(CLOCK, folder), folder / "run"
    processes = team(1, run, **first, SET_BACK_AFTER=str(dice.uniform(0, 12)))
    if until_training(processes, run, dice.randint(5, 30)):
        processes[0].terminate()
    if wait(processes) not in ([0], [130]):
        raise Broken(f"it ended with status {processes[0].returncode}: {last_line(processes[0])[:200]}")
    again = _main(run, **first, SET_BACK_AFTER="0")
    if wait([again]) != [0]:
        raise Broken(f"it did not go on: {last_line(again)[:200]}")
    assert_same(run, uninterrupted(1))


def soak(folder: Path, dice: random.Random) -> None:
    """A long run, whose memory, open files and threads are looked at while it trains, and no longer: its test and its
    pictures need more."""
    run = folder / "run"
    options = (f"--config.steps={SOAK_STEPS}", "--config.checkpoint.every=1000", "--config.eval.every=2000")
    processes = team(1, run, *options)
    until_training(processes, run, SOAK_STEPS // 10)
    early = latest = _uses(processes[0].pid)
    while rows(run) <= SOAK_STEPS and processes[0].poll() is None:
        with contextlib.suppress(OSError):
            latest = _uses(processes[0].pid)
        time.sleep(1)
    if wait(processes) != [0]:
        raise Broken(f"it failed: {last_line(processes[0])[:200]}")
    for name, before, after, most in zip(
        ("bytes", "open files", "threads"), early, latest, (GROWTH, 8, 8), strict=True
    ):
        if after > before + most:
            raise Broken(f"{before:,} {name} became {after:,}")


def _uses(process: int) -> tuple[int, int, int]:
    """Resident bytes, open files and threads of a process. Linux only."""
    proc = Path(f"/proc/{process}")
    resident = int((proc / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return resident, len(list((proc / "fd").iterdir())), len(list((proc / "task").iterdir()))


def _main(folder: Path, **environment: str) -> Process:
    return team(1, folder, **environment)[0]


def assert_one_line(process: Process, what: str) -> None:
    """Raises `Broken` unless the last line of a process is an error that says what, and there is no traceback."""
    line = last_line(process)
    if what not in line or not line.startswith("error: "):
        raise Broken(f"no clear line: {line[:200]}")
    if "Traceback" in said(process):
        raise Broken("a traceback")


def scenarios() -> list[Scenario]:
    """All of them."""
    same = "it ends bit for bit as if undisturbed"
    return [
        Scenario(
            "full_disk",
            "a run on a disk of a random size that is too small, then with more room",
            f"one line that says so; {same}",
            20,
            full_disk,
        ),
        Scenario(
            "read_only",
            "a new run and a finished one in a read-only folder",
            "one line that says so; the finished one prints its result",
            1,
            read_only,
        ),
        Scenario("no_home", "HOME empty, missing, read-only", same, 1, no_home),
        Scenario("no_stderr", "standard error closed, full, without a reader", same, 1, no_stderr),
        Scenario(
            "clock_set_back",
            "Python's clock is set back by a day at a random moment of a run, which is stopped and continued",
            same,
            5,
            clock_set_back,
        ),
        Scenario(
            "soak",
            f"a run of {SOAK_STEPS:,} steps",
            "after a tenth of it, no more memory (64 MiB), open files or threads (8)",
            1,
            soak,
        ),
    ]
