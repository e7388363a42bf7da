"""Configs with random values, right and wrong."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np

from aeden.data.dataset import Dataset
from aeden.data.splits import Split
from aeden.tasks import execute
from aeden.tasks.field_ranges import RANGES
from aeden.tasks.ranges import Choice, Flag, Number, OrZero, Several, Text
from configs import smoke
from experiments import error_lines
from tests.reliability.scenario import Broken, Scenario

WRONG = (
    "",
    "x",
    "nan",
    None,
    [],
    (),
    {},
    (1, "a"),
    object,
    -1,
    2**32,
    2**63,
    1e300,
    float("nan"),
    float("inf"),
    -0.5,
    True,
)
# A message with one of these words is Python's, not aeden's.
RAW = ("Error", "Traceback", "unexpected", "should not happen")


def value_of(allowed: Any, dice: random.Random) -> Any:
    """A value for a field: one in three is wrong."""
    if dice.random() < 1 / 3:
        return dice.choice(WRONG)
    if isinstance(allowed, Choice):
        return dice.choice(sorted(allowed.words_allowed))
    if isinstance(allowed, Flag):
        return dice.random() < 0.5
    if isinstance(allowed, Text):
        return dice.choice(["", "a", "ä", "\n", "/", "mnist/3.0.1"])
    if isinstance(allowed, OrZero):
        allowed = allowed.of
    if isinstance(allowed, Number):
        return dice.randint(0, 8) if allowed.whole else dice.choice([0.0, 0.25, 1.0, 50.0, 1e-3])
    assert isinstance(allowed, Several)
    return tuple(dice.randint(0, 4) for _ in range(dice.randint(0, 3)))


def any_config(folder: Path, dice: random.Random) -> None:
    """Up to four fields of any task get random values; the run is prepared, or refused in one line."""
    config = smoke.get_config()
    config.task = dice.choice(sorted(execute.TASKS))
    images = np.random.default_rng(dice.randrange(2**32)).integers(0, 256, (20, 12, 12, 1), dtype=np.uint8)
    split = Split(images, np.arange(20, dtype=np.int32) % 2)
    fields = {}
    for name in dice.sample(sorted(name for name in RANGES if not name.startswith("data.")), dice.randint(1, 4)):
        fields[name] = value_of(RANGES[name], dice)
        *sections, field = name.split(".")
        # Not by assignment, which `ConfigDict` refuses for some of them.
        (config[sections[0]] if sections else config)._fields[field] = fields[name]
    try:
        execute.prepare(config, Dataset("random", "random", split, split, split, "0"))
    except ValueError as error:
        message = error_lines.one_line(error)
        if "\n" in message or any(word in message for word in RAW):
            raise Broken(f"{fields}: {message}"[:300]) from None
    except Exception as error:
        raise Broken(f"{fields}: {error!r}"[:300]) from None


def scenarios() -> list[Scenario]:
    """All of them."""
    tried = "up to four fields of a config of any task get random values, a third of them of a wrong type or range"
    return [Scenario("any_config", tried, "prepared, or refused in one line", 2000, any_config)]
