"""One pass of one layer, for the peers that use JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax


def layer_pass(apply: Callable[[Any, Any], Any], pass_: str) -> Callable[[Any, Any, Any], Any]:
    """Builds a function (params, x, gradient of the output) -> results of one pass.

    The two gradients alone need no forward pass, since the layer is linear; JAX leaves it out.

    Args:
      apply: (params, x) -> output of the layer.
      pass_: see `LayerSettings.pass_`.
    """
    if pass_ == "forward":
        return lambda p, x, g: apply(p, x)
    if pass_ == "input gradient":
        return lambda p, x, g: jax.vjp(lambda x: apply(p, x), x)[1](g)
    if pass_ == "kernel gradient":
        return lambda p, x, g: jax.vjp(lambda p: apply(p, x), p)[1](g)

    def both(p: Any, x: Any, g: Any) -> Any:
        out, pullback = jax.vjp(apply, p, x)
        return out, pullback(g)

    return both
