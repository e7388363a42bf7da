"""The encoder and the decoder that the fields of a convolutional network describe.

Networks differ in how they join the two. The fields below mean the same in all of them: see
`aeden.nn.autoencoders.ConvAutoencoder`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from aeden.nn.decoders import Decoder
from aeden.nn.encoder import Encoder


@runtime_checkable
class NetworkFields(Protocol):
    """A network with these fields. A new field of every encoder or decoder is added here and in the networks."""

    decoder: str
    features: Sequence[int]
    factors: Sequence[int]
    kernel_size: int
    channels: int
    resize: str
    placement: str
    dtype: Any
    lowering: str
    decoder_kernel_size: int
    init_scheme: str


def encoder_of(network: NetworkFields) -> Encoder:
    """The encoder of a network, one stage for each of its `features`."""
    return Encoder(
        features=network.features,
        factors=network.factors,
        kernel_size=network.kernel_size,
        dtype=network.dtype,
        lowering=network.lowering,
        init_scheme=network.init_scheme,
        name="encoder",
    )


def decoder_of(network: NetworkFields, features: Sequence[int], factors: Sequence[int], **own: Any) -> Decoder:
    """The decoder of a network.

    Args:
      network: whose fields say how the decoder enlarges and computes.
      features: channels of its stages, first to last.
      factors: how many times each stage enlarges.
      **own: fields of `Decoder` that not every network has, e.g. `skip`.
    """
    return Decoder(
        kind=network.decoder,
        features=tuple(features),
        factors=tuple(factors),
        kernel_size=network.kernel_size,
        resize=network.resize,
        placement=network.placement,
        dtype=network.dtype,
        lowering=network.lowering,
        grow_kernel_size=network.decoder_kernel_size,
        init_scheme=network.init_scheme,
        name="decoder",
        **{"channels": network.channels, **own},
    )
