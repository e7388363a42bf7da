"""Any optimiser of optax by its name, and the learning-rate schedule: warm-up and cosine."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

REMEDY = "try adamw, adam, sgd, lion, nadamw or rmsprop"


def learning_rate_schedule(peak: float, steps: int, warmup_steps: int) -> optax.Schedule:
    """Linear warm-up to `peak`, then cosine decay to 0 at `steps` (Loshchilov & Hutter 2017).

    Args:
      peak: highest learning rate.
      steps: length of the training.
      warmup_steps: length of the warm-up, at most a tenth of `steps`.

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
    """An optimiser of optax.

    Args:
      name: name of a function of optax that takes `learning_rate`, e.g. "adamw", "sgd", "lion".
      learning_rate: step -> learning rate.
      weight_decay: coefficient, for optimisers that take it.
      grad_clip: limit of the global norm of the gradient; 0 for no limit.

    Raises:
      ValueError: optax has no such optimiser, it needs more than a learning rate, or it takes no weight decay and
        `weight_decay` is not 0.
    """
    make: Callable[..., Any] | None = getattr(optax, name, None)
    parameters = inspect.signature(make).parameters if inspect.isfunction(make) else {}
    if make is None or "learning_rate" not in parameters:
        raise ValueError(f"optax has no optimiser {name!r}: {REMEDY}")
    options = {"weight_decay": weight_decay} if "weight_decay" in parameters else {}
    if weight_decay and not options:
        raise ValueError(f"{name} takes no weight decay: set optimizer.weight_decay=0, or use adamw")
    optimizer = _made(name, make, learning_rate, options)
    if not grad_clip:
        return optimizer
    return optax.chain(optax.clip_by_global_norm(grad_clip), optimizer)


def _made(
    name: str, make: Callable[..., Any], learning_rate: optax.Schedule, options: dict[str, Any]
) -> optax.GradientTransformation:
    """The optimiser, after one abstract step: some need the loss, or settings without a default."""
    params = {"kernel": jax.ShapeDtypeStruct((2, 2), jnp.float32)}
    try:
        optimizer = make(learning_rate, **options)
        state = jax.eval_shape(optimizer.init, params)
        jax.eval_shape(optimizer.update, params, state, params)
    except Exception as error:  # each optimiser fails in its own way
        raise ValueError(f"optimizer.name {name!r} needs more than gradients and a learning rate: {REMEDY}") from error
    return optimizer
