"""A trained network as an ONNX file, parameters included, for ONNX Runtime and whatever else reads the format.

The graph is written node by node from the structure of the network: tracers refuse its transposed convolutions and
sizes that are not known. It needs the library `onnx` (extra `onnx`), to write only.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

import aeden
from aeden.inference.jax_program import check_program
from aeden.nn.autoencoders import ConvAutoencoder, DenseAutoencoder
from aeden.nn.decoders import Decoder
from aeden.nn.restore import is_linear, takes_level
from aeden.nn.super_resolution import SuperResolver
from aeden.nn.unet import Network, UNet
from aeden.shapes import PyTree

if TYPE_CHECKING:
    from aeden.inference.onnx_graph import Graph

INSTALL = "pip install 'aeden[onnx]'"
DECODERS = ("upsample", "transpose", "subpixel")
RESIZES = ("nearest", "bilinear")
# Task -> what input and output are called.
ENDS = {"denoise": ("noisy", "restored"), "super_resolve": ("low", "large")}


def check_onnx(model: Network | SuperResolver) -> None:
    """Refuses what cannot be written.

    Raises:
      ValueError: the network has no ONNX form here, or the library `onnx` is not installed.
    """
    other = "use --format=jax, which takes every network"
    if isinstance(model, DenseAutoencoder):
        raise ValueError(f"there is no ONNX form of a dense network: {other}")
    if isinstance(model, SuperResolver):
        check_program(model)
        if model.residual and model.shift:
            raise ValueError(
                "there is no ONNX form of a bicubic enlargement of pixels that lie elsewhere than in the middle of "
                f"what they stand for (super_resolve.antialias=False, an even factor): {other}"
            )
    if model.decoder not in DECODERS:
        raise ValueError(f"there is no ONNX form of the decoder {model.decoder!r}, only of {_list(DECODERS)}: {other}")
    if model.decoder == "upsample" and model.resize not in RESIZES:
        raise ValueError(f"there is no ONNX form of the resize {model.resize!r}, only of {_list(RESIZES)}: {other}")
    if importlib.util.find_spec("onnx") is None:
        raise ValueError(f"--format=onnx needs the library onnx, which is not installed: {INSTALL}")


def can_run_onnx() -> bool:
    """Whether ONNX Runtime is installed, which runs what was written."""
    return importlib.util.find_spec("onnxruntime") is not None


def make_onnx(model: Network | SuperResolver, params: PyTree, half: bool = False) -> bytes:
    """The content of an ONNX file of a network.

    Its input, float32 [n, height, width, channels] with values in [0, 1], may have any number, height and width. It is
    called `noisy`, and the output, of the same shape, `restored`; of a network of super-resolution `low` and `large`,
    of s times the height and width. A network that is told the noise level also has the input `level`, float32 [n].

    Args:
      model: the network.
      params: its parameters.
      half: whether the parameters are kept as float16; they are computed with in float32.

    Raises:
      ValueError: see `check_onnx`.
    """
    check_onnx(model)
    assert not isinstance(model, DenseAutoencoder)
    from aeden.inference.onnx_graph import Graph

    graph = Graph(half)
    given, result = ENDS["super_resolve" if isinstance(model, SuperResolver) else "denoise"]
    shape = ["n", "height", "width", model.channels]
    inputs: dict[str, list[Any]] = {given: shape}
    images = graph.node("Transpose", given, perm=[0, 3, 1, 2])
    seen = images
    if takes_level(model):
        inputs["level"] = ["n"]
        seen = _with_level(graph, images)
    for axis in (2, 3):
        seen = graph.continued(seen, axis, model.stride, by_reflection=isinstance(model, UNet))
    features, pooled = _encode(graph, model, params, seen)
    scale = model.scale if isinstance(model, SuperResolver) else 1
    output = graph.cropped(_decode(graph, model.mirrored(), params["decoder"], features, pooled), images, scale)
    if is_linear(model):
        if isinstance(model, SuperResolver):
            output = graph.node("Add", graph.enlarge(images, scale, "cubic"), output)
        else:
            output = graph.node("Sub", images, output)
        limits = [graph.constant(np.asarray(limit, np.float32)) for limit in (0, 1)]
        output = graph.node("Clip", output, *limits)
    else:
        output = graph.node("Sigmoid", output)
    graph.node("Transpose", output, output=result, perm=[0, 2, 3, 1])
    sizes = shape if scale == 1 else ["n", "large_height", "large_width", model.channels]
    name = "denoiser" if scale == 1 else "enlarger"
    return graph.file(name, inputs, {result: sizes}, f"aeden {aeden.__version__}")


def load_onnx(content: bytes) -> Callable[..., np.ndarray]:
    """The function of an ONNX file, run by ONNX Runtime on the CPU: (images[, levels]) -> restored images."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]

    def compute(*arrays: Any) -> np.ndarray:
        fed = {name: np.asarray(array, np.float32) for name, array in zip(names, arrays, strict=True)}
        restored: np.ndarray = session.run(None, fed)[0]
        return restored

    return compute


def _encode(
    graph: Graph, model: UNet | ConvAutoencoder | SuperResolver, params: PyTree, x: str
) -> tuple[str, list[str]]:
    """The features at the bottom, and those of each stage before its pooling."""
    pooled = []
    for i, factor in enumerate(model.factors):
        if isinstance(model, UNet):
            names = [f"stage{i}_conv{j}" for j in range(model.blocks)]
            layers = {name: params[name] for name in names}
        else:
            layers = {f"stage{i}": params["encoder"][f"stage{i}"]}
        for j, (name, layer) in enumerate(layers.items()):
            x = graph.convolution(graph.node("Relu", x) if j else x, layer, name)
        pooled.append(x)
        if factor > 1:
            x = graph.node("MaxPool", x, kernel_shape=[factor] * 2, strides=[factor] * 2)
        x = graph.node("Relu", x)
    for j in range(model.blocks if isinstance(model, UNet) else 0):
        x = graph.node("Relu", graph.convolution(x, params[f"bottom_conv{j}"], f"bottom_conv{j}"))
    return x, pooled


def _decode(graph: Graph, decoder: Decoder, params: PyTree, x: str, pooled: list[str]) -> str:
    """What `aeden.nn.decoders.Decoder` computes."""
    for i, factor in enumerate(decoder.factors):
        x = graph.node("Relu", _enlarged(graph, decoder, params[f"stage{i}"]["conv"], x, factor, f"decoder.stage{i}"))
        if decoder.skip:
            x = graph.node("Concat", x, graph.node("Relu", pooled[-1 - i]), axis=1)
        for j in range(1, decoder.blocks):
            name = f"stage{i}_conv{j}"
            x = graph.node("Relu", graph.convolution(x, params[name], f"decoder.{name}"))
    return graph.convolution(x, params["out"], "decoder.out")


def _enlarged(graph: Graph, decoder: Decoder, layer: PyTree, x: str, factor: int, name: str) -> str:
    """What the enlarging layer of a stage computes, see `aeden.nn.layers`."""
    if decoder.kind == "transpose":
        return graph.transposed_convolution(x, layer, factor, name)
    if decoder.kind == "subpixel":
        # The channels of the convolution are (row, column, feature), which ONNX calls DCR.
        return graph.node("DepthToSpace", graph.convolution(x, layer, name), blocksize=factor, mode="DCR")
    if decoder.placement == "after":
        return graph.convolution(graph.enlarge(x, factor, decoder.resize), layer, name)
    return graph.enlarge(graph.convolution(x, layer, name), factor, decoder.resize)


def _with_level(graph: Graph, images: str) -> str:
    """The images [n, channels, h, w], with one more channel: the input `level`."""
    plane = graph.node("Slice", images, *map(graph.constant, ([0], [1], [1])))
    level = graph.node("Reshape", "level", graph.constant([-1, 1, 1, 1]))
    return graph.node("Concat", images, graph.node("Expand", level, graph.node("Shape", plane)), axis=1)


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(names)
