"""The precision of products, for the peers that use JAX."""

from __future__ import annotations

import jax

# Precision -> JAX's name for the precision of products. By default JAX computes float32 products in TF32 on GPUs.
_PRODUCTS = {"float32": "float32", "tf32": "tensorfloat32", "bfloat16": None}


def set_precision(precision: str) -> str:
    """Sets the precision of products of all functions compiled from now on; on a CPU nothing has to be set.

    Args:
      precision: see `NetworkSettings`.

    Returns:
      The type of the computation: "float32" or "bfloat16".
    """
    if jax.default_backend() != "cpu":
        jax.config.update("jax_default_matmul_precision", _PRODUCTS[precision])
    return "bfloat16" if precision == "bfloat16" else "float32"
