"""How long a training lasts, and how often it logs, validates and saves."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Schedule:
    """Length and intervals of a training, all in steps.

    Attributes:
      steps: length of the training.
      log_every: interval between rows of the metrics log.
      validate_every: interval between validations; each is followed by a checkpoint. The last step is always validated.
      checkpoint_every: interval between additional checkpoints; 0 for none.
      steps_per_dispatch: number of steps that one call to the devices takes.
    """

    steps: int
    log_every: int
    validate_every: int
    checkpoint_every: int
    steps_per_dispatch: int

    def due(self, step: int, every: int) -> bool:
        """Whether something with the interval `every` is due after `step` steps. Everything is due at the end."""
        return step == self.steps or (every > 0 and step % every == 0)

    def next_dispatch(self, step: int) -> int:
        """How many steps the next call takes: `steps_per_dispatch` if nothing is due in between, otherwise 1.

        Only these two sizes occur, because every other size would be another program to compile.
        """
        intervals = [every for every in (self.log_every, self.validate_every, self.checkpoint_every) if every]
        room = min([self.steps - step, *(every - step % every for every in intervals)])
        return self.steps_per_dispatch if room >= self.steps_per_dispatch else 1
