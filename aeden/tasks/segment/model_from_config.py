"""From a config to the network of segmentation."""

from __future__ import annotations

import math
from typing import Any

from aeden.nn.autoencoders import ConvAutoencoder
from aeden.nn.unet import UNet
from aeden.tasks.model_from_config import build_model

# Name of class 0.
BACKGROUND = "background"


def class_names(config: Any) -> tuple[str, ...]:
    """The classes of the pixels: the background and the characters of `data.characters`."""
    return (BACKGROUND, *config.data.characters)


def build_segmenter(config: Any, image_shape: tuple[int, ...]) -> ConvAutoencoder | UNet:
    """The network of a config, with one logit per class for each pixel of images [height, width, channels].

    Raises:
      ValueError: a field of `model` has an invalid value or none for this task, or the images are smaller than the
        total stride.
    """
    model = config.model
    if model.architecture == "dense":
        raise ValueError("model.architecture=dense is not for task=segment: use conv or unet")
    if model.architecture == "unet" and (model.residual or model.level_input):
        field = "residual" if model.residual else "level_input"
        raise ValueError(f"model.{field}=True is for task=denoise: set it to False")
    net = build_model(config, image_shape)
    assert isinstance(net, ConvAutoencoder | UNet)
    height, width = image_shape[:2]
    stride = math.prod(net.factors)
    if min(height, width) < stride:
        raise ValueError(
            f"images of {height} x {width} pixels are smaller than the network's stride of {stride}, the product of "
            f"model.factors {tuple(net.factors)}: use fewer or smaller factors"
        )
    return net.clone(outputs=len(class_names(config)))
