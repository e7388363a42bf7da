"""Whether a training has diverged: by its losses, its parameters and its validation figures.

The loss of a step is that of the parameters before its update, so a bad last update shows only in the other two.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

import jax
import numpy as np

from aeden.runtime import devices
from aeden.shapes import PyTree
from aeden.training.checkpoints import Checkpoints

REMEDY = "Lower learning_rate (in pre-training stack.pretrain_learning_rate), or set optimizer.grad_clip=1"
# How every message of `TrainingDiverged` begins.
MESSAGE = re.compile(r"the (loss|largest parameter|validation's \S+) is \S+ at step \d+")
# The square of a parameter of this size is not finite in float32.
LARGEST = float(np.sqrt(np.finfo(np.float32).max))


class TrainingDiverged(ArithmeticError):
    """Loss, parameters or validation are not finite. The message names the step and the last good checkpoint."""

    def __init__(self, cause: str, step: int, checkpoints: Checkpoints):
        checkpoints.wait()
        good = checkpoints.last_step(before=step)
        saved = f"the last good checkpoint is step {good}, in {checkpoints.folder}" if good else "none is saved"
        super().__init__(f"{cause} at step {step}; {saved}. {REMEDY}")


def check_losses(first: int, losses: Sequence[float], checkpoints: Checkpoints) -> None:
    """Refuses losses that are not finite.

    Args:
      first: number of steps before them.
      losses: the loss of each step.
      checkpoints: those of the training, for the message.

    Raises:
      TrainingDiverged: naming the first such step.
    """
    for i, loss in enumerate(losses):
        if not math.isfinite(loss):
            raise TrainingDiverged(f"the loss is {loss}", first + i + 1, checkpoints)


def check_params(step: int, params: PyTree, checkpoints: Checkpoints) -> None:
    """Refuses parameters that are not finite, or whose squares are not. It copies them, so it is not for every step.

    Raises:
      TrainingDiverged: naming the largest.
    """
    # They are the same in every process, so all processes stop.
    leaves = jax.tree.leaves(devices.fetch(devices.as_local(params)))
    # NumPy's maximum, unlike Python's, is NaN if one of the numbers is.
    largest = float(np.max([np.max(np.abs(leaf), initial=0.0) for leaf in leaves], initial=0.0))
    if not largest < LARGEST:
        raise TrainingDiverged(f"the largest parameter is {largest:g}", step, checkpoints)


def check_validation(step: int, figures: Mapping[str, float], checkpoints: Checkpoints) -> None:
    """Refuses validation figures that are not finite: parameters can be finite and yet too large to compute with.

    Raises:
      TrainingDiverged: naming the first such figure.
    """
    for name, value in figures.items():
        if not math.isfinite(value):
            raise TrainingDiverged(f"the validation's {name} is {value}", step, checkpoints)
