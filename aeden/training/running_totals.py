"""Running totals of a training, saved with each checkpoint: metrics since the last log row, and time."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from aeden.runtime import stopwatch


@dataclasses.dataclass
class Window:
    """Sums of the metrics since the last row of the metrics log, and the last loss.

    It is saved with each checkpoint, so that a resumed run logs the same numbers.
    """

    steps: int = 0
    sums: dict[str, float] = dataclasses.field(default_factory=dict)
    loss: float = math.nan

    def add(self, metrics: dict[str, np.ndarray]) -> None:
        """Adds the metrics of several steps, an array [steps] per metric."""
        self.steps += len(metrics["loss"])
        self.loss = float(metrics["loss"][-1])
        for name, values in metrics.items():
            for value in values:
                self.sums[name] = self.sums.get(name, 0.0) + float(value)

    def means(self) -> dict[str, float]:
        """The mean of each metric over the steps of the window."""
        return {name: value / self.steps for name, value in self.sums.items()}


@dataclasses.dataclass
class Clock:
    """Time spent, in seconds. `train_seconds` excludes compilation, validation and waiting for checkpoints.

    `seconds` divides `wall_seconds` by part, see `aeden.runtime.stopwatch`.
    """

    wall_seconds: float = 0.0
    train_seconds: float = 0.0
    train_images: int = 0
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)

    def __add__(self, other: Clock) -> Clock:
        """The time of two trainings, one after the other."""
        return Clock(
            self.wall_seconds + other.wall_seconds,
            self.train_seconds + other.train_seconds,
            self.train_images + other.train_images,
            stopwatch.merge(self.seconds, other.seconds),
        )

    def until_now(self, started: float, runs: int = 1) -> Clock:
        """This time and that since `started`, a value of `time.monotonic()`, divided by the runs that share it."""
        seconds = {name: value / runs for name, value in stopwatch.breakdown(started).items()}
        return self + Clock(sum(seconds.values()), seconds=seconds)

    def images_per_second(self) -> float | None:
        """The training rate; None if nothing was trained."""
        return self.train_images / self.train_seconds if self.train_seconds else None
