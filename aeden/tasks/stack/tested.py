"""The test of a stacked run on the test split."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from aeden.nn.parameters import apply
from aeden.nn.stack import Classifier
from aeden.random_keys import Stream
from aeden.shapes import PyTree
from aeden.tasks.objectives import restoration
from aeden.tasks.objectives.samples import restore_samples
from aeden.tasks.stack import embedding
from aeden.tasks.stack.phases import StackParts
from aeden.training.evaluation import map_split


@dataclasses.dataclass(frozen=True)
class Embedding:
    """A 2-D embedding of the codes of test images.

    Attributes:
      points: positions in the plane [m, 2].
      index: indices of the images in the test split [m].
      method: "tsne" or "pca".
    """

    points: np.ndarray
    index: np.ndarray
    method: str


@dataclasses.dataclass(frozen=True)
class Tested:
    """Results on the test split.

    Attributes:
      restoration: {"noisy", "restored"}: metrics of the autoencoder before the head was trained; None without one.
      samples: `clean`, `noisy` and `restored` images; None without an autoencoder.
      logits: logits of every image [n, classes]; None without a head.
      embedding: None if not asked for.
      filters: kernels of the lowest layer as images [n, h, w, c]; None for a head on pixels.
    """

    restoration: dict[str, dict[str, float]] | None
    samples: dict[str, np.ndarray] | None
    logits: np.ndarray | None
    embedding: Embedding | None
    filters: np.ndarray | None


NOT_TESTED = Tested(None, None, None, None, None)


def test_stack(parts: StackParts, params: PyTree, head: Classifier | None, restores: bool, embed: str) -> Tested:
    """Tests a stack.

    Args:
      parts: stack and data.
      params: all parameters that the phases have trained: of the autoencoders and of the classifier.
      head: the classifier; None without a head.
      restores: whether an autoencoder was trained.
      embed: "tsne", "pca" or "none".
    """
    stack, split = parts.stack, parts.dataset.test
    metrics = samples = logits = points = filters = None
    if restores:
        noise = restoration.fixed_noise(parts.noises[0], parts.seed, Stream.TEST)
        metrics = restoration.make_evaluation(stack, {"noise": noise})(params, split)["noise"]
        samples = restore_samples(stack, params, noise, split)
    if head is not None:
        logits = map_split(functools.partial(apply, head), params, split, parts.pixels)
    if head is None or head.stack.layers:
        encoder = params.get("stack", params)
        filters = first_filters(encoder["layers_0"], parts.dataset.image_shape)
        if embed != "none":
            points = _embed(parts, encoder, embed)
    return Tested(metrics, samples, logits, points, filters)


def _embed(parts: StackParts, encoder: PyTree, method: str) -> Embedding:
    index = embedding.embedded(len(parts.dataset.test))
    images = parts.dataset.test.select(index)
    code = map_split(functools.partial(apply, parts.stack, method="encode"), encoder, images, parts.pixels)
    return Embedding(embedding.embed(code.reshape(len(code), -1), method, parts.seed), index, method)


def first_filters(layer: PyTree, image_shape: tuple[int, ...]) -> np.ndarray:
    """The kernels of the lowest layer as images [n, h, w, c]; for a dense layer each is as large as the input."""
    if "encoder" in layer:
        return np.moveaxis(np.asarray(layer["encoder"]["stage0"]["kernel"]), -1, 0)
    return np.asarray(layer["encoder_0"]["kernel"]).T.reshape(-1, *image_shape)
