"""A training step on two devices of a batch that is partly padding, for tests that compare it with another way."""

from typing import Any, NamedTuple

import jax
import numpy as np

from aeden import random_keys
from aeden.data.batches import TrainBatches
from aeden.runtime import devices


class PaddedStep(NamedTuple):
    """The state before, the batch and the key of its stream, the state after, and what was logged."""

    state: Any
    batch: Any
    stream: Any
    taken: Any
    logged: Any


def padded_step(task, split) -> PaddedStep:
    """Takes the last step of the first epoch of 21 examples: five of them and three of padding."""
    state = jax.jit(task.init)(jax.random.key(1))
    batch = TrainBatches(split, 8, 0).at(2)
    stream = random_keys.stream_key(0, random_keys.Stream.TRAIN)
    taken, logged = devices.pmap_steps(lambda s, b: task.step(s, b, stream))(
        devices.replicate(jax.tree.map(np.asarray, state)), devices.deal(batch)
    )
    return PaddedStep(state, batch, stream, taken, logged)
