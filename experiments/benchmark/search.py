"""Searches the fastest configuration of a library for one job: threads, layouts, compile modes and so on.

Every configuration runs in a process of its own for a few short rounds, in turn with the first configuration, since the
machine may be slower some minutes later. The fastest by the ratio to the first then run in turn, for a few more rounds,
and the one with the lowest median is chosen. The search is bounded: an answer may take `ANSWER_SECONDS`, and after
`LIBRARY_SECONDS` no further configuration is tried.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

from experiments.benchmark.race import Race, Startable, Timing

ROUNDS, FINAL_ROUNDS, SECONDS, FINALISTS = 3, 5, 0.3, 3
ANSWER_SECONDS, LIBRARY_SECONDS = 90.0, 240.0


@dataclasses.dataclass(frozen=True)
class Found:
    """The result of a search.

    Attributes:
      chosen: the fastest configuration; None if none could run.
      record: the search as plain data.
    """

    chosen: Startable | None
    record: dict[str, Any]


def search(
    configurations: Sequence[Startable],
    job: str,
    settings: dict[str, Any],
    show: Callable[[str], object],
    clock: Callable[[], float] = time.monotonic,
) -> Found:
    """Finds the fastest of some configurations.

    Args:
      configurations: most promising first.
      job, settings: as for `Race.run`.
      show: receives one line about what is being done.
      clock: seconds.
    """
    began = clock()
    trials: list[dict[str, Any]] = []
    with Race(ROUNDS, SECONDS, show, limit=ANSWER_SECONDS) as race:
        for peer in configurations:
            if clock() - began > LIBRARY_SECONDS:
                late = Timing(peer.name, absent="not tried: the time of the search was over")
                trials.append(_plain(late))
                continue
            first = configurations[0]
            pair = race.run([first] if peer is first else [first, peer], job, settings)
            trials.append(_plain(pair[-1]) | _relative(pair[-1], pair[0]))
            if peer is not first:
                race.stop(peer.name)
    timed = [trial for trial in trials if "absent" not in trial]
    names = [trial["configuration"] for trial in sorted(timed, key=lambda trial: trial["relative"])][:FINALISTS]
    finals: list[Timing] = []
    if len(names) > 1:
        with Race(FINAL_ROUNDS, SECONDS, show, limit=ANSWER_SECONDS) as race:
            finals = race.run([peer for peer in configurations if peer.name in names], job, settings)
    # A finalist may die in the final.
    left = [timing.name for timing in sorted(finals, key=_median) if not timing.absent] or names
    best = left[0] if left else ""
    chosen = next((peer for peer in configurations if peer.name == best), None)
    record = {
        "seconds": clock() - began,
        "chosen": best,
        "trials": trials,
        "final": [_plain(timing) for timing in finals],
    }
    return Found(chosen, record)


def _median(timing: Timing) -> float:
    return timing.median if not timing.absent else float("inf")


def _relative(timing: Timing, first: Timing) -> dict[str, Any]:
    """A configuration's fastest round divided by that of the first configuration, or by 1 s if this one failed."""
    if timing.absent:
        return {}
    return {"relative": min(timing.seconds) / (1.0 if first.absent else min(first.seconds))}


def _plain(timing: Timing) -> dict[str, Any]:
    if timing.absent:
        return {"configuration": timing.name, "absent": timing.absent}
    return {"configuration": timing.name, "seconds_a_step": timing.seconds, "median_seconds": timing.median}
