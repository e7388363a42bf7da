"""Artifacts of a decoder: in the images that it restores, and in its response to a constant and to an impulse.

In a transposed convolution whose kernel size is not a multiple of its stride, some pixels are sums of more products
than their neighbours (Odena et al. 2016). A constant code then gives a ripple, and an impulse gives uneven energy.
Training can compensate for both, so they are measured before and after training.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from aeden.data.batches import to_unit
from aeden.data.splits import Split
from aeden.measures import checkerboard
from aeden.measures.image_quality import masked_sum
from aeden.measures.metric import Metric
from aeden.nn.autoencoders import ConvAutoencoder
from aeden.nn.parameters import apply
from aeden.nn.unet import UNet
from aeden.shapes import Array, Float, PyTree
from aeden.tasks.objectives.noisy_images import FixedNoise, noisy_images
from aeden.tasks.objectives.restoration import Measure

# Height and width of the code map that is decoded, and how many positions at its border are left out of the ripple:
# the zero padding of the layers shows there.
MAP, BORDER = 9, 2
# Number of test images for the mean code.
IMAGES = 256
# How tables name the responses before and after training, see `responses`; 0 is best.
RESPONSE_METRICS = tuple(
    Metric(f"{name}_{when}", f"{label}, {when}", "", False, 3)
    for name, label in (("constant_ripple", "ripple"), ("impulse_unevenness", "unevenness"))
    for when in ("initial", "trained")
)


@dataclasses.dataclass(frozen=True)
class DecoderArtifacts:
    """What was measured on a trained autoencoder.

    Attributes:
      figures: `residual` (see `residual_figures`); and `initial` and `trained` (see `responses`), if the decoder
        needs nothing but the code.
      pictures: the responses by name, e.g. "constant, initial", [H, W] each; empty if there are none.
      power: mean power spectrum of the residual [h, w].
    """

    figures: dict[str, Any]
    pictures: dict[str, np.ndarray]
    power: np.ndarray


def measure(
    model: ConvAutoencoder | UNet,
    initial: PyTree,
    params: PyTree,
    noise: FixedNoise,
    split: Split,
    residual: PyTree,
) -> DecoderArtifacts:
    """Measures the artifacts of an autoencoder whose last layer upsamples.

    Args:
      model: the autoencoder.
      initial, params: its parameters before and after training.
      noise: the noise of the test.
      split: the test split.
      residual: the means of `make_residual_sums` over the test split.
    """
    figures = residual_figures(residual)
    power = figures.pop("power")
    # A decoder that also takes the encoder's activations has no response to a code.
    if isinstance(model, UNet) or not model.decodes_alone:
        return DecoderArtifacts({"residual": figures}, {}, power)
    some = split.first(IMAGES)
    batch = jax.tree.map(jnp.asarray, some.take(np.arange(len(some)), len(some)))
    noisy = noisy_images(batch, to_unit(batch["image"]), noise)
    before, after = responses(model, initial, noisy), responses(model, params, noisy)
    pictures = {
        f"{name}, {when}": maps[name]
        for name in ("constant", "impulse")
        for when, (_, maps) in (("initial", before), ("trained", after))
    }
    return DecoderArtifacts({"residual": figures, "initial": before[0], "trained": after[0]}, pictures, power)


def make_residual_sums(stride: int) -> Measure:
    """Measures of the residual (restored minus clean images), for `make_evaluation`.

    Args:
      stride: stride of the decoder's last layer: the period of a checkerboard that the layer itself causes.

    Returns:
      (clean, restored, mask) -> sums over the images of: `harmonic_energy` and `phase_variation` of the residual;
      `power` [h, w], its power spectrum (`checkerboard.power_spectrum`); `spectrum`, the radial spectra of clean and of
      restored images.
    """

    def sums(clean: Array, restored: Array, mask: Array) -> PyTree:
        spectra = {"clean": checkerboard.radial_spectrum(clean), "restored": checkerboard.radial_spectrum(restored)}
        power = checkerboard.power_spectrum(restored - clean)
        return {
            "harmonic_energy": masked_sum(checkerboard.harmonic_energy(restored - clean, stride), mask),
            "phase_variation": masked_sum(checkerboard.phase_variation(restored - clean, stride), mask),
            "power": jnp.sum(jnp.where(mask[:, None, None], power, 0.0), axis=0),
            "spectrum": {name: jnp.sum(jnp.where(mask[:, None], x, 0.0), axis=0) for name, x in spectra.items()},
        }

    return sums


def residual_figures(means: PyTree) -> dict[str, Any]:
    """The figures of the residual, from the means of `make_residual_sums`.

    Returns:
      These means, with the spectra as lists, and `spectrum_distance_db`, the distance between the two.
    """
    spectra = means["spectrum"]
    clean, restored = (jnp.asarray(spectra[name], jnp.float32) for name in ("clean", "restored"))
    lists = {name: np.asarray(x).tolist() for name, x in spectra.items()}
    distance = float(checkerboard.spectrum_distance(restored, clean))
    return {**means, "spectrum": lists, "spectrum_distance_db": distance}


def responses(
    model: ConvAutoencoder, params: PyTree, images: Float[Array, "b h w c"]
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """The decoder's response to a constant code, and to an impulse added to it.

    The constant is the mean code of the images. The impulse raises one channel of the code, at the centre of the map,
    by the channel's standard deviation over the images. This is repeated for every channel.

    Args:
      model: the autoencoder; the stride below is that of its last layer, `model.factors[0]`.
      params: its parameters.
      images: input images in [0, 1].

    Returns:
      Figures and maps. `constant_ripple`: standard deviation of the logits for the constant code, away from the border,
      divided by that of the logits for the images; 0 for a decoder that keeps a constant. `impulse_unevenness`:
      standard deviation divided by mean of the impulse's energy per position within the stride; 0 if all positions
      receive the same. Maps, averaged over channels: `constant` [H, W], deviation of the logits from their mean;
      `impulse` [H, W], the response to the impulse with the most energy.
    """
    measured = _responses(model, params, images)
    figures = {name: float(measured[name]) for name in ("constant_ripple", "impulse_unevenness")}
    return figures, {name: np.asarray(measured[name]) for name in ("constant", "impulse")}


@functools.partial(jax.jit, static_argnums=0)
def _responses(model: ConvAutoencoder, params: PyTree, images: Array) -> dict[str, Array]:
    stride = model.factors[0]
    code, logits = apply(model, params, images, method="encode"), apply(model, params, images)
    mean, deviation = jnp.mean(code, axis=(0, 1, 2)), jnp.std(code, axis=(0, 1, 2))
    constant = jnp.broadcast_to(mean, (1, MAP, MAP, len(mean)))
    centre = jnp.zeros((MAP, MAP)).at[MAP // 2, MAP // 2].set(1.0)
    raised = constant + centre[None, :, :, None] * jnp.diag(deviation)[:, None, None, :]
    flat = apply(model, params, constant, method="decode")
    answers = apply(model, params, raised, method="decode") - flat
    edge = BORDER * flat.shape[1] // MAP
    inside = flat[0, edge:-edge, edge:-edge].mean(-1)
    n, h, w, c = answers.shape
    squares = jnp.square(answers).reshape(n, h // stride, stride, w // stride, stride, c)
    energy = jnp.sum(squares, axis=(0, 1, 3, 5))
    strongest = answers[jnp.argmax(jnp.sum(jnp.square(answers), axis=(1, 2, 3)))]
    return {
        "constant_ripple": jnp.std(inside) / jnp.std(logits),
        "impulse_unevenness": jnp.std(energy) / jnp.mean(energy),
        "constant": inside - inside.mean(),
        "impulse": strongest.mean(-1),
    }
