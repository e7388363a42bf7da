"""A forward or backward pass of one layer, for every JAX peer."""

from __future__ import annotations

from typing import Any

import jax


def layer_pass(apply: Any, pass_: str) -> Any:
    """(params, x, gradient of the output) -> what a pass of a layer yields; the backward passes run forward too only
    where they need it, which a linear layer does not.
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
