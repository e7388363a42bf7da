"""Something that goes wrong, what is promised then, and how often the promise was kept."""

from __future__ import annotations

import dataclasses
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path


class Broken(Exception):
    """An attempt did not end as promised; the message says what happened."""


@dataclasses.dataclass(frozen=True)
class Scenario:
    """Something that is tried several times.

    Attributes:
      name: for --only.
      tried: what is done, in words.
      promised: what should happen, in words.
      times: how often it is tried.
      attempt: tries it once in an empty folder with dice of its own; raises `Broken`.
    """

    name: str
    tried: str
    promised: str
    times: int
    attempt: Callable[[Path, random.Random], None]


def try_out(scenario: Scenario, folder: Path, seed: int, times: int, say: Callable[[str], None]) -> dict[str, object]:
    """Tries a scenario and returns a row of the table.

    Args:
      scenario: what is tried.
      folder: where; each attempt has an empty folder of its own in it.
      seed: attempt i has dice of seed + i, so that one that failed can be repeated.
      times: how often.
      say: takes a line per attempt.
    """
    ended: Counter[str] = Counter()
    began = time.monotonic()
    for i in range(times):
        place = folder / f"{scenario.name}{i}"
        place.mkdir(parents=True)
        try:
            scenario.attempt(place, random.Random(seed + i))
            what = "as promised"
        except Broken as problem:
            what = str(problem)
        ended[what] += 1
        say(f"{scenario.name} {i + 1}/{times}, seed {seed + i}: {what}")
    kept = ended.pop("as promised", 0)
    return {
        "name": scenario.name,
        "tried": scenario.tried,
        "promised": scenario.promised,
        "times": times,
        "kept": kept,
        "otherwise": dict(ended),
        "seconds": round(time.monotonic() - began),
    }
