"""Parameters for the layers of `aeden.nn.layers`, and for those of Flax, from the weights of Keras and PyTorch layers.

The functions are NumPy only and take anything that `numpy.asarray` takes: Keras' `layer.get_weights()`, or the tensors
of a PyTorch `state_dict()` on the CPU. They return {"kernel": ..., "bias": ...}, the parameters of one layer; without a
bias, the layer has `use_bias=False`. PyTorch's images are [b, c, h, w]; the layers here take [b, h, w, c].

The padding of a `Conv` needs no translation: Keras' "same" and PyTorch's padding="same" are "SAME", "valid" is "VALID",
and PyTorch's padding=p is p. For a transposed convolution, use `padding_from_keras` and `padding_from_torch`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Parameters = dict[str, np.ndarray]
Sizes = int | Sequence[int]


def conv_from_keras(kernel: Any, bias: Any = None) -> Parameters:
    """Parameters of `Conv` or `ResizeConv` from those of Keras' Conv1D, Conv2D or Conv3D.

    Args:
      kernel: [k, l, in, out], which is the layout of Flax.
      bias: [out], or None.
    """
    return _parameters(np.asarray(kernel), bias)


def conv_transpose_from_keras(kernel: Any, bias: Any = None, *, transpose_kernel: bool) -> Parameters:
    """Parameters of `ConvTranspose` from those of Keras' Conv1DTranspose, Conv2DTranspose or Conv3DTranspose.

    Args:
      kernel: [k, l, out, in].
      bias: [out], or None.
      transpose_kernel: that of the layer which gets the parameters: Flax's default is False; `TransposeConv` has True.
    """
    return _parameters(_transposed_layout(np.asarray(kernel), transpose_kernel), bias)


def conv_from_torch(weight: Any, bias: Any = None) -> Parameters:
    """Parameters of `Conv` or `ResizeConv` from those of PyTorch's Conv1d, Conv2d or Conv3d, also with groups.

    Args:
      weight: [out, in / groups, k, l].
      bias: [out], or None.
    """
    return _parameters(_channels_last(np.asarray(weight)), bias)


def conv_transpose_from_torch(weight: Any, bias: Any = None, *, transpose_kernel: bool) -> Parameters:
    """Parameters of `ConvTranspose` from those of PyTorch's ConvTranspose1d, 2d or 3d without groups.

    Args:
      weight: [in, out, k, l].
      bias: [out], or None.
      transpose_kernel: that of the layer which gets the parameters: Flax's default is False; `TransposeConv` has True.
    """
    return _parameters(_transposed_layout(_channels_last(np.asarray(weight)), transpose_kernel), bias)


def padding_from_torch(
    kernel_size: Sequence[int], padding: Sizes = 0, output_padding: Sizes = 0
) -> list[tuple[int, int]]:
    """The padding of a `ConvTranspose` that computes PyTorch's with `padding` and `output_padding`.

    Args:
      kernel_size: sizes of the kernel, e.g. (3, 3).
      padding, output_padding: PyTorch's, one integer or one for each axis.
    """
    pads = zip(kernel_size, _each(padding, kernel_size), _each(output_padding, kernel_size), strict=True)
    return [(k - 1 - p, k - 1 - p + more) for k, p, more in pads]


def padding_from_keras(
    kernel_size: Sequence[int], padding: str = "valid", output_padding: Sizes | None = None
) -> str | list[tuple[int, int]]:
    """The padding of a `ConvTranspose` that computes Keras' with `padding` and `output_padding`.

    Args:
      kernel_size: sizes of the kernel, e.g. (3, 3).
      padding: "same" or "valid", in any case.
      output_padding: None, one integer or one for each axis.

    Raises:
      ValueError: the padding is neither "same" nor "valid".
    """
    name = padding.upper()
    if name not in ("SAME", "VALID"):
        raise ValueError(f"a transposed convolution of Keras has the padding 'same' or 'valid', not {padding!r}")
    if output_padding is None:
        return name
    pads = []
    for k, more in zip(kernel_size, _each(output_padding, kernel_size), strict=True):
        total = 2 * (k - 1) + more if name == "VALID" else k + k % 2 - 2 + more
        before = k - 1 if name == "VALID" else min(-(-total // 2), k - 1)
        pads.append((before, total - before))
    return pads


def _parameters(kernel: np.ndarray, bias: Any) -> Parameters:
    return {"kernel": kernel} if bias is None else {"kernel": kernel, "bias": np.asarray(bias)}


def _channels_last(weight: np.ndarray) -> np.ndarray:
    """[a, b, k, l] -> [k, l, b, a]."""
    return weight.transpose(*range(2, weight.ndim), 1, 0)


def _transposed_layout(kernel: np.ndarray, transpose_kernel: bool) -> np.ndarray:
    """[k, l, out, in] as `ConvTranspose` keeps it: without `transpose_kernel` [k, l, in, out], both axes reversed."""
    if transpose_kernel:
        return kernel
    return np.flip(kernel, tuple(range(kernel.ndim - 2))).swapaxes(-1, -2)


def _each(value: Sizes, kernel_size: Sequence[int]) -> Sequence[int]:
    return (value,) * len(kernel_size) if isinstance(value, int) else value
