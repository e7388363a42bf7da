"""The two networks of a GAN: a generator around either decoder, and a discriminator.

Images are [batch, height, width, channels] with values in [0, 1]; the generator returns logits, whose sigmoid is the
image, as the autoencoders do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from aeden.nn.decoders import Decoder
from aeden.nn.layers import convolution
from aeden.shapes import Array, Float, Integer

DOWNSAMPLINGS = ("antialiased", "strided")
LEAK = 0.2


class Generator(nn.Module):
    """Latent, dense layers, projection, decoder: [b, latent] -> logits [b, height, width, channels].

    Attributes:
      shape: height, width and channels of the images; height and width are met by cropping at the bottom and right.
      decoder: the decoder, an autoencoder's of either kind; its factors say how small the projection's maps are.
      width: channels of the projection's maps.
      hidden: nodes of the dense layers, each with a leaky ReLU, that map the latent before it is projected: classes are
        apart in images, not in a normal distribution (the mapping of Karras et al. 2019, "A style-based generator
        architecture for generative adversarial networks").
      classes: with 1 or more, the class is told by one entry a class beside the latent; 0 for no classes.
      modes: with 2 or more, the largest of the latent's first so many entries stands for them all: it chooses one of
        so many clusters, each as likely as the others, whose place the first dense layer learns (mixtures as latents:
        Gurumurthy et al. 2017, "DeLiGAN"; why digits need them: Khayatkhoei et al. 2018, "Disconnected manifold
        learning for generative adversarial networks"); 0 for one normal distribution.
    """

    shape: tuple[int, int, int]
    decoder: Decoder
    width: int = 64
    classes: int = 0
    hidden: Sequence[int] = ()
    modes: int = 0

    @nn.compact
    def __call__(self, latent: Float[Array, "b d"], label: Integer[Array, b] | None = None) -> Float[Array, "b h w c"]:
        if (label is not None) != (self.classes > 0):
            raise ValueError(
                f"a generator of {self.classes} classes and labels {'' if label is not None else 'not '}given"
            )
        height, width, _ = self.shape
        stride = math.prod(self.decoder.factors)
        h, w = -(-height // stride), -(-width // stride)
        if self.modes:
            latent = clustered(latent, self.modes)
        if label is not None:
            latent = jnp.concatenate([latent, jax.nn.one_hot(label, self.classes)], axis=-1)
        init = nn.initializers.he_normal()
        for i, nodes in enumerate(self.hidden):
            latent = nn.leaky_relu(nn.Dense(nodes, kernel_init=init, name=f"hidden{i}")(latent), LEAK)
        maps = nn.Dense(h * w * self.width, kernel_init=init, name="projection")(latent)
        maps = nn.relu(maps).reshape(len(latent), h, w, self.width)
        return self.decoder(maps)[:, :height, :width]


def clustered(latent: Float[Array, "b d"], modes: int) -> Float[Array, "b d"]:
    """Latents whose first `modes` entries are all 0 but the largest, which is as long as the others' mean norm."""
    chosen = jax.nn.one_hot(jnp.argmax(latent[:, :modes], axis=-1), modes)
    return jnp.concatenate([math.sqrt(latent.shape[-1] - modes) * chosen, latent[:, modes:]], axis=-1)


class Discriminator(nn.Module):
    """How real an image looks: [b, h, w, c] -> [b], without a bound.

    A convolution at full resolution, so that no frequency is hidden from it; then a stage a width, which halves height
    and width; each followed by a leaky ReLU; then a dense layer. With classes it adds the product of the last features
    with a vector of the class (Miyato & Koyama 2018, "cGANs with projection discriminator").

    Attributes:
      features: channels of the stages; the first convolution has those of the first.
      downsampling: "strided" convolves with a stride of 2, which has checkerboards of its own in its gradient (Odena et
        al. 2016); "antialiased" blurs before, by (1, 3, 3, 1) / 8 along each axis (Karras et al. 2020, "Analyzing and
        improving the image quality of StyleGAN", after Zhang 2019).
      kernel_size: pixels.
      classes: 0 for none.
      lowering: how the convolutions compute, see `aeden.nn.layers`.
    """

    features: Sequence[int] = (32, 64, 128)
    downsampling: str = "antialiased"
    kernel_size: int = 3
    classes: int = 0
    lowering: str = "auto"

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], label: Integer[Array, b] | None = None) -> Float[Array, b]:
        if self.downsampling not in DOWNSAMPLINGS:
            raise ValueError(f"unknown downsampling {self.downsampling!r}: use one of {', '.join(DOWNSAMPLINGS)}")
        init: Any = nn.initializers.he_normal()

        def conv(width: int, name: str, stride: int) -> nn.Conv:
            return convolution(width, self.kernel_size, None, init, self.lowering, name, stride=stride)

        x = nn.leaky_relu(conv(self.features[0], "whole", 1)(2.0 * x - 1.0), LEAK)
        for i, width in enumerate(self.features):
            x = blur(x) if self.downsampling == "antialiased" else x
            x = nn.leaky_relu(conv(width, f"stage{i}", 2)(x), LEAK)
        code = x.reshape(len(x), -1)
        score = nn.Dense(1, name="score")(code)[:, 0]
        if label is not None:
            score += jnp.sum(nn.Embed(self.classes, code.shape[-1], name="class")(label) * code, axis=-1)
        return score


def blur(x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
    """The filter (1, 3, 3, 1) / 8 along both axes, half a pixel towards the origin; nothing at the Nyquist frequency.

    Beyond the border pixels are as the nearest.
    """
    for axis in (1, 2):
        pads = [(0, 0)] * 4
        pads[axis] = (1, 2)
        padded = jnp.pad(x, pads, mode="edge")
        taps = [jax.lax.slice_in_dim(padded, k, k + x.shape[axis], axis=axis) for k in range(4)]
        x = (taps[0] + 3.0 * taps[1] + 3.0 * taps[2] + taps[3]) / 8.0
    return x
