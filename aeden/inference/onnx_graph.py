"""A graph of ONNX, node by node: the operations that the networks of aeden are made of.

Features are [n, channels, height, width] here, the layout of ONNX. Number, height and width need not be known: what
depends on them is computed in the graph. The operations: https://onnx.ai/onnx/operators, opset 18.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

# Version of the operations, and the oldest version of the file format that may hold it.
OPSET, IR_VERSION = 18, 8
# From the layouts of aeden to those of ONNX: of a convolution from [h, w, in, out] to [out, in, h, w], of a transposed
# one from [h, w, out, in] to [in, out, h, w]. Both are the same permutation.
KERNEL_AXES = (3, 2, 0, 1)


class Graph:
    """Nodes and constants, in the order in which they are computed. Methods return the name of their result.

    Args:
      half: whether kernels and biases are kept as float16; they are computed with in float32.
    """

    def __init__(self, half: bool = False) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._half = half

    def node(self, operation: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Appends an operation with one result."""
        name = output or f"{operation.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operation, inputs, [name], **attributes))
        return name

    def constant(self, value: np.ndarray | Sequence[int] | int, name: str = "") -> str:
        """Adds an array; integers become int64."""
        array = value if isinstance(value, np.ndarray) else np.asarray(value, np.int64)
        name = name or f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def parameter(self, value: np.ndarray, name: str) -> str:
        """Adds a kernel or a bias, for computations in float32."""
        if not self._half:
            return self.constant(np.asarray(value, np.float32), name)
        # Values too large for float16 become infinite, which the check of the export finds.
        with np.errstate(over="ignore"):
            kept = self.constant(np.asarray(value, np.float16), name)
        return self.node("Cast", kept, to=TensorProto.FLOAT)

    def convolution(self, x: str, params: dict[str, np.ndarray], name: str) -> str:
        """A convolution of stride 1 with padding "SAME", as Flax has it, from its kernel [h, w, in, out] and bias."""
        h, w = np.shape(params["kernel"])[:2]
        pads = [(h - 1) // 2, (w - 1) // 2, h // 2, w // 2]
        return self.node("Conv", x, *self._kernel_and_bias(params, name), kernel_shape=[h, w], pads=pads)

    def transposed_convolution(self, x: str, params: dict[str, np.ndarray], factor: int, name: str) -> str:
        """The transpose of a strided convolution with padding "SAME", from its kernel [h, w, out, in] and bias."""
        size = np.shape(params["kernel"])[:2]
        beyond = [max(k - factor, 0) for k in size]
        before = [each // 2 for each in beyond]
        after = [each - first for each, first in zip(beyond, before, strict=True)]
        return self.node(
            "ConvTranspose",
            x,
            *self._kernel_and_bias(params, name),
            kernel_shape=list(size),
            strides=[factor, factor],
            pads=[*before, *after],
            # A kernel smaller than the stride leaves pixels that nothing reaches.
            output_padding=[max(factor - k, 0) for k in size],
        )

    def enlarge(self, x: str, factor: int, method: str) -> str:
        """A resize by an integer factor with half-pixel centres: "nearest", "bilinear" or "cubic"."""
        if factor == 1:
            return x
        scales = self.constant(np.asarray([1, 1, factor, factor], np.float32))
        if method == "nearest":
            # floor(i / factor) is the pixel whose centre is nearest.
            how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        elif method == "bilinear":
            how = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
        else:
            # Keys' kernel; the weights of pixels outside the image are left out, as by jax.image.resize.
            how = {"mode": "cubic", "coordinate_transformation_mode": "half_pixel"}
            return self.node("Resize", x, "", scales, **how, cubic_coeff_a=-0.5, exclude_outside=1)
        return self.node("Resize", x, "", scales, **how)

    def size(self, x: str, axis: int) -> str:
        """The size of an axis, as [1]."""
        return self.node("Gather", self.node("Shape", x), self.constant([axis]), axis=0)

    def continued(self, x: str, axis: int, multiple: int, by_reflection: bool) -> str:
        """Continues an axis to a multiple, by reflection or its last pixel, as `aeden.inference.jax_program` does."""
        if multiple == 1:
            return x
        one, zero, step = self.constant(1), self.constant(0), self.constant(multiple)
        size = self.node("Squeeze", self.size(x, axis), self.constant([0]))
        last = self.node("Sub", size, one)
        blocks = self.node("Div", self.node("Add", last, step), step)
        places = self.node("Range", zero, self.node("Mul", blocks, step), one)
        if by_reflection:
            # Reflected again and again if it is shorter than what is missing; a single pixel has period 1.
            period = self.node("Max", self.node("Add", last, last), one)
            forth = self.node("Mod", places, period)
            places = self.node("Min", forth, self.node("Sub", period, forth))
        # After the last pixel itself, without a reflection.
        return self.node("Gather", x, self.node("Min", places, last), axis=axis)

    def cropped(self, x: str, like: str, times: int = 1) -> str:
        """The top left part of x that is as high and wide as another, or so many times."""
        ends = self.node("Slice", self.node("Shape", like), *map(self.constant, ([2], [4])))
        if times > 1:
            ends = self.node("Mul", ends, self.constant(times))
        return self.node("Slice", x, self.constant([0, 0]), ends, self.constant([2, 3]))

    def file(
        self, name: str, inputs: Mapping[str, Sequence[Any]], outputs: Mapping[str, Sequence[Any]], made_with: str
    ) -> bytes:
        """The content of a file, checked.

        Args:
          name: of the graph.
          inputs, outputs: name -> shape, each size a number or the name of one that is not known; float32.
          made_with: the program that made it.
        """
        first, last = (
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)) for name, shape in each.items()]
            for each in (inputs, outputs)
        )
        graph = helper.make_graph(self._nodes, name, first, last, initializer=self._constants)
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, producer_name=made_with, opset_imports=opset, ir_version=IR_VERSION)
        checker.check_model(model, full_check=True)
        content: bytes = model.SerializeToString()
        return content

    def _kernel_and_bias(self, params: dict[str, np.ndarray], name: str) -> list[str]:
        kernel = np.transpose(np.asarray(params["kernel"]), KERNEL_AXES)
        names = [self.parameter(kernel, f"{name}.kernel")]
        return names + ([self.parameter(params["bias"], f"{name}.bias")] if "bias" in params else [])
