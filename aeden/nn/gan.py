"""The two networks of a GAN: a generator that ends in a decoder, and a discriminator.

Images are [batch, height, width, channels] with values in [0, 1]; the generator returns logits, whose sigmoid is the
image, like the autoencoders.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn

from aeden.nn.activations import relu
from aeden.nn.convolution import convolution
from aeden.nn.decoders import Decoder
from aeden.shapes import Array, Float, Integer

DOWNSAMPLINGS = ("antialiased", "strided")
# Slope of the leaky ReLUs for negative inputs.
LEAK = 0.2


class Generator(nn.Module):
    """Dense layers, a projection to feature maps, and a decoder: latent [b, d] -> logits [b, height, width, channels].

    Attributes:
      shape: height, width and channels of the images. The decoder's output is cropped to it at the bottom and right.
      decoder: the decoder, as in an autoencoder; its factors determine the size of the projected feature maps.
      width: channels of the projected feature maps.
      classes: number of classes, given to the network as a one-hot vector appended to the latent; 0 for no classes.
      hidden: nodes of the dense layers, each followed by a leaky ReLU, that map the latent before the projection.
        Classes are separate in images but not in a normal distribution (the mapping network of Karras et al. 2019, "A
        style-based generator architecture for generative adversarial networks").
      modes: number of discrete clusters, all equally likely; 0 disables them and leaves one normal distribution. The
        largest of the first `modes` entries of the latent selects the cluster, and the first dense layer learns its
        position (mixtures as latents: Gurumurthy et al. 2017, "DeLiGAN"; why digits need them: Khayatkhoei et al. 2018,
        "Disconnected manifold learning for generative adversarial networks").
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
            given = "labels" if label is not None else "no labels"
            raise ValueError(f"a generator with {self.classes} classes got {given}: pass labels only if it has classes")
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
        maps = relu(maps).reshape(len(latent), h, w, self.width)
        return self.decoder(maps)[:, :height, :width]


def clustered(latent: Float[Array, "b d"], modes: int) -> Float[Array, "b d"]:
    """Latents whose first `modes` entries are 0 except the largest, which becomes sqrt(d - modes).

    This is the root mean squared norm of the other d - modes entries of a standard normal latent.
    """
    chosen = jax.nn.one_hot(jnp.argmax(latent[:, :modes], axis=-1), modes)
    return jnp.concatenate([math.sqrt(latent.shape[-1] - modes) * chosen, latent[:, modes:]], axis=-1)


class Discriminator(nn.Module):
    """Scores how real an image looks: [b, h, w, c] -> unbounded scores [b].

    The first convolution has stride 1, so that it sees all frequencies. Each stage then halves height and width with a
    convolution of stride 2. A leaky ReLU follows every convolution, and a dense layer gives the score. With classes,
    the dot product of the last features and a learned vector of the class is added (Miyato & Koyama 2018, "cGANs with
    projection discriminator").

    Attributes:
      features: channels of the stages; the first convolution has the channels of the first stage.
      downsampling: "strided" convolves with a stride of 2 only, so that its gradient contains checkerboards (Odena et
        al. 2016). "antialiased" first blurs with (1, 3, 3, 1) / 8 along each axis (Karras et al. 2020, "Analyzing and
        improving the image quality of StyleGAN", after Zhang 2019).
      kernel_size: height and width of the kernels, in pixels.
      classes: number of classes; 0 for none.
      lowering: implementation of the convolutions, see `aeden.nn.layers`.
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
        conv = functools.partial(convolution, kernel_size=self.kernel_size, lowering=self.lowering)
        x = nn.leaky_relu(conv(self.features[0], name="whole")(2.0 * x - 1.0), LEAK)
        for i, width in enumerate(self.features):
            x = blur(x) if self.downsampling == "antialiased" else x
            x = nn.leaky_relu(conv(width, name=f"stage{i}", stride=2)(x), LEAK)
        code = x.reshape(len(x), -1)
        score = nn.Dense(1, name="score")(code)[:, 0]
        if label is not None:
            score += jnp.sum(nn.Embed(self.classes, code.shape[-1], name="class")(label) * code, axis=-1)
        return score


def blur(x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
    """Filters images with (1, 3, 3, 1) / 8 along both axes, which removes the Nyquist frequency.

    The result is shifted by half a pixel towards the origin. Pixels outside the image repeat the nearest one inside.
    """
    for axis in (1, 2):
        pads = [(0, 0)] * 4
        pads[axis] = (1, 2)
        padded = jnp.pad(x, pads, mode="edge")
        taps = [jax.lax.slice_in_dim(padded, k, k + x.shape[axis], axis=axis) for k in range(4)]
        x = (taps[0] + 3.0 * taps[1] + 3.0 * taps[2] + taps[3]) / 8.0
    return x
