"""A deep autoencoder with skip connections, for images that one code cannot hold: photos and pages of text.

Ronneberger et al. 2015, "U-Net: convolutional networks for biomedical image segmentation". As a denoiser it predicts
the noise (Zhang et al. 2017, "Beyond a Gaussian denoiser: residual learning of deep CNN for image denoising") and may
have no biases (Mohan et al. 2020, "Robust and interpretable blind image denoising via bias-free convolutional neural
networks"). docs/method.md explains what was chosen and why.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from aeden.nn.activations import relu
from aeden.nn.autoencoders import SingleAutoencoder
from aeden.nn.convolution import convolution
from aeden.nn.decoders import Decoder
from aeden.nn.initializers import convolution_init
from aeden.nn.network_fields import decoder_of
from aeden.nn.pooling import max_pool
from aeden.nn.receptive_field import radius
from aeden.shapes import Array, Float

# Factor of the initial values of the last layer of a residual network: at the start it predicts almost no noise, and
# every layer has a gradient from the first step on.
RESIDUAL_SCALE = 0.01


class UNet(nn.Module):
    """An encoder and a decoder with skip connections, for images of any size: [b, h, w, channels] -> the same shape.

    Each stage of the encoder has `blocks` convolutions, each followed by a ReLU, and a max-pool. At the bottom there
    are `blocks` convolutions more. Each stage of the decoder enlarges with the layer of its kind, appends the encoder's
    features of that size (before the max-pool), and has `blocks` - 1 convolutions; a last one gives the channels of the
    image. Images whose height or width is not a multiple of the total stride are padded at the bottom and right by
    reflection, which continues the noise better than a repeated edge, and the result is cropped back.

    Attributes:
      decoder: kind of the layers that enlarge, one of `aeden.nn.decoders.DECODERS`.
      features: channels of the encoder's stages; the last number is also that of the bottom.
      factors: how many times each encoder stage shrinks the image; the decoder uses them in reverse order.
      blocks: convolutions of each stage.
      kernel_size: height and width of the kernels, in pixels.
      channels: channels of the images.
      residual: whether the network predicts the noise. The output is then the image minus the prediction, without
        limits; if not, it is logits, whose sigmoid is the restored image.
      level_input: whether the noise level of each image is given to the network, as one more channel of constants.
      use_bias: whether the layers have biases. If neither they nor `level_input` are there, the output of a residual
        network for a times an image is a times its output for the image, for a > 0. With `level_input` the level has to
        be multiplied by a as well.
      resize, placement, dtype, lowering, decoder_features, decoder_kernel_size, init_scheme, outputs: as of
        `aeden.nn.autoencoders.ConvAutoencoder`. A residual network has no other outputs than the image.
    """

    decoder: str = "upsample"
    features: Sequence[int] = (32, 48, 96)
    factors: Sequence[int] = (2, 2, 2)
    blocks: int = 2
    kernel_size: int = 3
    channels: int = 1
    residual: bool = False
    level_input: bool = False
    use_bias: bool = True
    resize: str = "nearest"
    placement: str = "after"
    dtype: Any = None
    lowering: str = "auto"
    decoder_features: Sequence[int] = ()
    decoder_kernel_size: int = 0
    init_scheme: str = "he"
    outputs: int = 0

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], level: Float[Array, "*n"] | None = None) -> Float[Array, "b h w k"]:
        """The restored images of a residual network, not clipped; or logits.

        Args:
          x: noisy images.
          level: noise level of each image [b], or one for all [], in the unit of the noise the network is trained with.
            Only a network with `level_input` takes it.

        Raises:
          ValueError: the images have other channels, or the level is missing or not wanted.
        """
        if x.shape[-1] != self.channels:
            raise ValueError(f"this network takes [batch, height, width, {self.channels}], not {x.shape}")
        h, w = x.shape[1:3]
        features = pad_by_reflection(self._with_level(x, level), self.stride)
        pooled = []
        for i, (width, factor) in enumerate(zip(self.features, self.factors, strict=True)):
            for j in range(self.blocks - 1):
                features = relu(self._convolution(features, width, f"stage{i}_conv{j}"))
            pooled.append(self._convolution(features, width, f"stage{i}_conv{self.blocks - 1}"))
            features = relu(max_pool(pooled[-1], factor))
        for j in range(self.blocks):
            features = relu(self._convolution(features, self.features[-1], f"bottom_conv{j}"))
        output = self.mirrored()(features, pooled)[:, :h, :w]
        return x.astype(jnp.float32) - output if self.residual else output

    @property
    def stride(self) -> int:
        """How many times smaller than the image the features at the bottom are."""
        return math.prod(self.factors)

    @property
    def decodes_alone(self) -> bool:
        """Whether a code alone can be decoded: not with skip connections."""
        return False

    @nn.nowrap
    def mirrored(self) -> Decoder:
        """The decoder, whose stages undo those of the encoder in reverse order."""
        return decoder_of(
            self,
            self.decoder_features or tuple(reversed(self.features)),
            tuple(reversed(self.factors)),
            channels=self.outputs or self.channels,
            skip=tuple(self.features),
            blocks=self.blocks,
            use_bias=self.use_bias,
            out_scale=RESIDUAL_SCALE if self.residual else 1.0,
        )

    @nn.nowrap
    def receptive_radius(self) -> int:
        """The largest distance, along an axis, of an input pixel that an output pixel depends on.

        Raises:
          ValueError: see `aeden.nn.receptive_field.radius`.
        """
        return radius(self.mirrored(), self.kernel_size, self.blocks, bottom=self.blocks)

    @nn.nowrap
    def multiplications(self, height: int, width: int) -> int:
        """Number of multiplications for one image of [height, width, channels], as of `ConvAutoencoder`."""
        h, w = (-(-size // self.stride) * self.stride for size in (height, width))
        total, channels, taps = 0, self.channels + self.level_input, self.kernel_size**2
        for features, factor in zip(self.features, self.factors, strict=True):
            total += h * w * taps * (channels + (self.blocks - 1) * features) * features
            h, w, channels = h // factor, w // factor, features
        return total + h * w * taps * self.blocks * channels**2 + self.mirrored().multiplications(h, w, channels)

    @nn.nowrap
    def _convolution(self, x: Array, features: int, name: str) -> Array:
        options: dict[str, Any] = {"dtype": self.dtype, "lowering": self.lowering, "use_bias": self.use_bias}
        initial = convolution_init(self.init_scheme, self.kernel_size, x.shape[-1])
        result: Array = convolution(features, self.kernel_size, name=name, initial=initial, **options)(x)
        return result

    @nn.nowrap
    def _with_level(self, x: Array, level: Array | None) -> Array:
        """The images, with a channel of their noise level if the network is given it."""
        if not self.level_input:
            if level is not None:
                raise ValueError(
                    "this network is not given the noise level: set model.level_input=True and train it so"
                )
            return x
        if level is None:
            if not self.is_initializing():
                raise ValueError("this network needs the noise level of the images (model.level_input=True): give it")
            level = jnp.zeros(())
        planes = jnp.broadcast_to(jnp.reshape(level, (-1, 1, 1, 1)), (*x.shape[:3], 1))
        return jnp.concatenate([x, planes.astype(x.dtype)], axis=-1)


# Every network of images that is trained on its own.
Network = SingleAutoencoder | UNet


def pad_by_reflection(x: Float[Array, "b h w c"], multiple: int) -> Float[Array, "b H W c"]:
    """Reflects the image at its bottom and right edge until height and width are multiples of `multiple`."""
    bottom, right = (-size % multiple for size in x.shape[1:3])
    if not bottom and not right:
        return x
    return jnp.pad(x, ((0, 0), (0, bottom), (0, right), (0, 0)), mode="reflect")
