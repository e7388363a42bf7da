"""Any optax optimiser by name, under a warm-up and cosine schedule."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import optax


def learning_rate_schedule(peak: float, steps: int, warmup_steps: int) -> optax.Schedule:
    """Rises linearly to `peak`, then falls to 0 at `steps` as a cosine does (Loshchilov & Hutter 2017).

    The warm-up takes a tenth of a short run at most.

    Raises:
      ValueError: the peak is not positive.
    """
    if not peak > 0:
        raise ValueError(f"learning_rate {peak:g} is not positive")
    warmup = min(warmup_steps, steps // 10)
    return optax.schedules.warmup_cosine_decay_schedule(0.0 if warmup else peak, peak, warmup, max(steps, warmup + 1))


def make_optimizer(
    name: str, learning_rate: optax.Schedule, weight_decay: float, grad_clip: float
) -> optax.GradientTransformation:
    """An optimiser of optax, e.g. "adamw", "sgd", "lion".

    Args:
      name: a function of optax that takes `learning_rate`.
      learning_rate: step -> learning rate.
      weight_decay: for optimisers that take it.
      grad_clip: the gradient's largest global norm; 0 for no limit.

    Raises:
      ValueError: optax has no such optimiser, or it takes no weight decay and one is asked for.
    """
    make: Callable[..., Any] | None = getattr(optax, name, None)
    parameters = inspect.signature(make).parameters if inspect.isfunction(make) else {}
    if make is None or "learning_rate" not in parameters:
        raise ValueError(f"optax has no optimiser {name!r}: try adamw, adam, sgd, lion, nadamw or rmsprop")
    options = {"weight_decay": weight_decay} if "weight_decay" in parameters else {}
    if weight_decay and not options:
        raise ValueError(f"{name} takes no weight decay: set optimizer.weight_decay=0, or use adamw")
    optimizer = make(learning_rate, **options)
    if not grad_clip:
        return optimizer
    return optax.chain(optax.clip_by_global_norm(grad_clip), optimizer)
