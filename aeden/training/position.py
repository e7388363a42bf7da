"""Where a training is, and how it is found again in its checkpoints."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from aeden.runtime import devices
from aeden.runtime.distributed import meeting
from aeden.shapes import PyTree
from aeden.training.checkpoints import Checkpoints
from aeden.training.running_totals import Clock, Window


@dataclasses.dataclass
class Position:
    """Where a training is: everything that a checkpoint saves.

    Attributes:
      step: number of steps taken.
      state: the state after them.
      window, clock: metrics since the last row of the log, and time.
      validation: the metrics of the last validation.
      together: the most seeds that were trained in one program with this one, itself included.
    """

    step: int
    state: PyTree
    window: Window
    clock: Clock
    validation: dict[str, float]
    together: int = 1

    def extra(self) -> dict[str, Any]:
        """What a checkpoint saves besides the state."""
        return {
            "window": dataclasses.asdict(self.window),
            "clock": dataclasses.asdict(self.clock),
            "validation": self.validation,
            "together": self.together,
        }


def resume(initial: PyTree, checkpoints: Checkpoints) -> tuple[Position, list[str]]:
    """The position of the newest intact checkpoint, or the start with the initial state; and messages about it."""
    state = devices.replicate(initial)
    manifest, problems = meeting.from_primary(
        "the step to go on from", lambda: checkpoints.newest_whole(saved_position)
    )
    if manifest is None:
        messages = [*problems, "no checkpoint is intact: starting again"] if problems else []
        return Position(0, state, Window(), Clock(), {}), messages
    step = manifest["step"]
    position = Position(step, checkpoints.restore(step, state), *saved_position(manifest))
    return position, [*problems, f"resuming at step {step}"]


def saved_position(manifest: dict[str, Any]) -> tuple[Window, Clock, dict[str, float], int]:
    """Window, clock, validation figures and `together` in a manifest. Raises various errors if they are not there."""
    saved = manifest["extra"]
    window, clock = Window(**saved.get("window", {})), Clock(**saved.get("clock", {}))
    window.loss = math.nan if window.loss is None else float(window.loss)  # null in JSON
    window.sums = {name: float(value) for name, value in window.sums.items()}
    validation = {name: float(value) for name, value in saved.get("validation", {}).items()}
    clock = clock + Clock()  # fails if a time is no number
    return window, clock, validation, int(saved.get("together", 1))
