"""Artifacts that a decoder leaves: in what it restores, and in how it answers to a constant and to an impulse.

A transposed convolution whose kernel is no multiple of its stride sums some pixels from more products than their
neighbours (Odena et al. 2016), which a constant code shows as a ripple and an impulse as uneven energy. Training may
learn to undo either, so both are measured before and after.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from aeden import random_keys
from aeden.data.batches import to_unit
from aeden.data.splits import Split
from aeden.measures import checkerboard, image_quality
from aeden.nn.autoencoders import ConvAutoencoder
from aeden.nn.parameters import apply
from aeden.shapes import Array, Float, PyTree
from aeden.training.evaluation import make_means
from aeden.transforms import Transform

# Positions along each axis of the code map that is decoded, and how many of them at the border are left out: there a
# layer's zero padding shows.
MAP, BORDER = 9, 2


def make_residual_artifacts(
    model: ConvAutoencoder, noise: Transform, seed: int, stride: int
) -> Callable[[PyTree, Split], dict[str, Any]]:
    """Compiles the measures of what restoring leaves over a split, corrupted as in the test.

    Args:
      model: the autoencoder.
      noise: the corruption.
      seed: of the run.
      stride: of the decoder's last layer, whose period a pattern of its own has.

    Returns:
      (params, split) -> `harmonic_energy` and `phase_variation` of the residual (restored minus clean), means over the
      images; `power` [h, w]: its mean power spectrum (`metrics.power_spectrum`); `spectrum_distance_db` of restored
      images to clean ones; `spectrum`: the mean radial spectra of both.
    """

    def sums(params: PyTree, batch: PyTree) -> PyTree:
        clean, mask = to_unit(batch["image"]), batch["mask"]
        noisy = noise(
            random_keys.example_keys(random_keys.stream_key(seed, random_keys.Stream.TEST), 0, batch["index"]), clean
        )
        restored = nn.sigmoid(apply(model, params, noisy))
        spectra = {"clean": checkerboard.radial_spectrum(clean), "restored": checkerboard.radial_spectrum(restored)}
        return {
            "harmonic_energy": image_quality.masked_sum(checkerboard.harmonic_energy(restored - clean, stride), mask),
            "phase_variation": image_quality.masked_sum(checkerboard.phase_variation(restored - clean, stride), mask),
            "power": jnp.sum(
                jnp.where(mask[:, None, None], checkerboard.power_spectrum(restored - clean), 0.0), axis=0
            ),
            "spectrum": {name: jnp.sum(jnp.where(mask[:, None], x, 0.0), axis=0) for name, x in spectra.items()},
        }

    means = make_means(sums)

    def measure(params: PyTree, split: Split) -> dict[str, Any]:
        found = means(params, split)
        clean, restored = (jnp.asarray(found["spectrum"][name], jnp.float32) for name in ("clean", "restored"))
        found["spectrum"] = {name: np.asarray(x).tolist() for name, x in found["spectrum"].items()}
        return {**found, "spectrum_distance_db": float(checkerboard.spectrum_distance(restored, clean))}

    return measure


def responses(
    model: ConvAutoencoder, params: PyTree, images: Float[Array, "b h w c"]
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """How the decoder answers to a code that is the same everywhere, and to an impulse on top of it.

    The constant is the mean code of the images; the impulse raises one entry of its middle by the entry's standard
    deviation over the images, entry after entry.

    Args:
      model: the autoencoder; the stride below is its last layer's, its first factor.
      params: its parameters.
      images: what it restores, in [0, 1].

    Returns:
      Figures and pictures. `constant_ripple`: standard deviation of the logits that a constant makes, away from the
      border, over that of the logits of the images; 0 for a decoder that keeps a constant. `impulse_unevenness`:
      standard deviation over mean of an impulse's energy by place within the stride; 0 where all places get the same.
      `constant` [h, w] and `impulse` [h, w]: the logits' deviation from their mean, and the answer to the impulse with
      the most energy, averaged over channels.
    """
    found = jax.jit(functools.partial(_answers, model))(params, images)
    figures = {name: float(found[name]) for name in ("constant_ripple", "impulse_unevenness")}
    return figures, {name: np.asarray(found[name]) for name in ("constant", "impulse")}


def _answers(model: ConvAutoencoder, params: PyTree, images: Array) -> dict[str, Array]:
    stride = model.factors[0]
    code, logits = apply(model, params, images, method="encode"), apply(model, params, images)
    mean, spread = jnp.mean(code, axis=(0, 1, 2)), jnp.std(code, axis=(0, 1, 2))
    base = jnp.broadcast_to(mean, (1, MAP, MAP, len(mean)))
    middle = jnp.zeros((MAP, MAP)).at[MAP // 2, MAP // 2].set(1.0)
    raised = base + middle[None, :, :, None] * jnp.diag(spread)[:, None, None, :]
    flat = apply(model, params, base, method="decode")
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


def measure(
    model: ConvAutoencoder, initial: PyTree, params: PyTree, noise: Transform, seed: int, split: Split
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """All of it for a trained autoencoder whose last layer enlarges: figures, and pictures by name, of the answers to
    a constant and to an impulse before and after training, and of the "residual power".

    Args:
      model: the autoencoder.
      initial, params: before and after training.
      noise: the corruption it is tested under.
      seed: of the run.
      split: the test split.
    """
    images = to_unit(jnp.asarray(split.first(256).images))
    noisy = noise(
        random_keys.example_keys(
            random_keys.stream_key(seed, random_keys.Stream.TEST), 0, jnp.arange(len(images), dtype=jnp.int32)
        ),
        images,
    )
    before, after = responses(model, initial, noisy), responses(model, params, noisy)
    figures = {
        "residual": make_residual_artifacts(model, noise, seed, model.factors[0])(params, split),
        "initial": before[0],
        "trained": after[0],
    }
    pictures = {
        f"{name}, {when}": answers[1][name]
        for name in ("constant", "impulse")
        for when, answers in (("initial", before), ("trained", after))
    }
    pictures["residual power"] = figures["residual"].pop("power")
    return figures, pictures
