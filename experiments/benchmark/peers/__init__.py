"""The contenders of `experiments.benchmark`: the same network, noise, loss and optimiser, written for each library.

A contender is a module here and a variant of it, e.g. "pytorch compile". It works in a process of its own
(`__main__`) that `race` starts. A module's jobs are functions (variant, **settings) -> (run, description): run(steps)
returns when so many steps are done, and the description says what was built. What cannot run here raises `Absent`, or
ImportError.

    training   one step: new noise, forward, backward, optimiser
    dense      one training step of a dense network: masking noise, forward, backward, optimiser
    inference  one step: a batch of noisy images, restored, from NumPy to NumPy
    layer      one step: a layer forward, or one of its gradients, or all of them
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Job = tuple[Callable[[int], None], dict[str, Any]]

NOISE = 0.4
LEARNING_RATE = 1e-3
# Of the dense networks: nodes of the hidden layers, share of pixels and of hidden nodes left out.
DENSE = (1000, 1000, 1000)
MASKING, DROPOUT = 0.25, 0.5


class Absent(Exception):
    """This contender cannot do this job here. The message says why."""
