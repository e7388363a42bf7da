"""What the training loop trains: an objective has a state, a step and a validation.

To write another objective, write a function that returns an `Objective`; see `aeden/tasks/objectives/` for three. The
loop (`aeden.training.loop.fit`) takes care of batches, devices, logs, checkpoints and resuming.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from aeden.shapes import Array, PyTree
from aeden.training.metrics_log import Row

Metrics = dict[str, Array]


@dataclasses.dataclass(frozen=True)
class Objective:
    """What the loop trains.

    Attributes:
      init: key -> initial state, a tree of arrays with an int32 leaf `step`. Compile it (`jax.jit`) if that pays.
      step: (state, one device's share of a batch, the key of the training stream) -> (next state, metrics). It runs
        inside a pmap and sums over the devices itself (`aeden.runtime.devices.sum_over_devices`). The next state has
        `step` + 1; metrics are scalars and include `loss`.
      validate: state -> metrics on the validation split, as Python numbers.
      warn: row of the metrics log -> warnings to print, one line each.
      params: state -> its parameters, all of which must stay finite.
      validate_seeds: (states stacked by `aeden.runtime.many_states.stack`, their seeds) -> `validate` of each, in one
        program; None if seeds of this objective cannot be trained together (`aeden.training.together`).
    """

    init: Callable[[Array], PyTree]
    step: Callable[[PyTree, PyTree, Array], tuple[PyTree, Metrics]]
    validate: Callable[[PyTree], dict[str, float]]
    warn: Callable[[Row], list[str]] = lambda row: []
    params: Callable[[PyTree], PyTree] = lambda state: state.params
    validate_seeds: Callable[[PyTree, Sequence[int]], list[dict[str, float]]] | None = None
