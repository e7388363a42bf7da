"""Names for array shapes in signatures, e.g. ``Float[Array, "b h w c"]``.

They come from jaxtyping if it is installed (the tests then check them at run time with beartype). If not, they are
placeholders without effect, so that networks, metrics and transforms do not need jaxtyping.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jax import Array

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Integer, Key, Scalar, UInt8
else:
    try:
        from jaxtyping import Bool, Float, Integer, Key, Scalar, UInt8
    except ModuleNotFoundError:

        class _AnyShape:
            """Accepts ``Float[Array, "..."]`` and checks nothing."""

            def __class_getitem__(cls, _: object) -> Any:
                return Any

        Bool = Float = Integer = Key = Scalar = UInt8 = _AnyShape

# A nested dict, list or dataclass of arrays: parameters, optimiser state, a batch.
PyTree = Any

__all__ = ["Array", "Bool", "Float", "Integer", "Key", "PyTree", "Scalar", "UInt8"]
