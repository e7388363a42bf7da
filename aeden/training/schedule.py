"""How long a training lasts and how often it logs, validates and saves."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Schedule:
    """How long to train and how often to do what, in steps.

    Attributes:
      steps: the whole run.
      log_every: between rows of the logbook.
      validate_every: between validations; each is followed by a checkpoint. The last step is always validated.
      checkpoint_every: between further checkpoints; 0 for none.
      steps_per_dispatch: how many steps one call to the devices takes.
    """

    steps: int
    log_every: int
    validate_every: int
    checkpoint_every: int
    steps_per_dispatch: int

    def due(self, step: int, every: int) -> bool:
        """Whether something done `every` steps, and at the end, is due after `step` steps."""
        return step == self.steps or (every > 0 and step % every == 0)

    def next_dispatch(self, step: int) -> int:
        """How many steps to take at once: no more than to the next thing due, and one size only beside 1.

        Every other size would be one more program to compile.
        """
        events = [every for every in (self.log_every, self.validate_every, self.checkpoint_every) if every]
        room = min([self.steps - step, *(every - step % every for every in events)])
        return self.steps_per_dispatch if room >= self.steps_per_dispatch else 1
