"""Artifacts of decoders whose weights imply what they must be."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aeden.data.splits import Split
from aeden.measures import checkerboard
from aeden.nn.autoencoders import ConvAutoencoder
from aeden.nn.parameters import apply
from aeden.tasks.denoise import decoder_artifacts
from aeden.tasks.denoise import task as denoise_task
from aeden.tasks.objectives.restoration import make_evaluation


@pytest.fixture
def images(rng):
    return jnp.asarray(rng.uniform(size=(8, 12, 12, 1)), jnp.float32)


def start(images, **fields):
    model = ConvAutoencoder(features=(6, 6), **fields)
    return model, jax.jit(model.init)(jax.random.key(0), images)["params"]


@pytest.mark.parametrize(
    ("fields", "keeps", "even"),
    [
        ({"decoder": "upsample"}, True, True),
        pytest.param({"decoder": "upsample", "resize": "bilinear"}, True, True, marks=pytest.mark.proof),
        ({"decoder": "subpixel"}, True, True),
        ({"decoder": "transpose", "kernel_size": 3}, False, False),
    ],
)
def test_which_decoders_keep_a_constant_at_the_start(images, fields, keeps, even):
    figures, pictures = decoder_artifacts.responses(*start(images, **fields), images)
    assert (figures["constant_ripple"] < 1e-4) == keeps
    assert (figures["constant_ripple"] > 0.1) != keeps
    assert (figures["impulse_unevenness"] < 0.25) == even
    assert pictures["constant"].shape == (20, 20)
    assert pictures["impulse"].shape == (36, 36)


def test_an_even_kernel_transposed_sums_alike_everywhere(images):
    """k4 s2 with equal weights: four products a pixel, wherever it is; k3 s2: one, two or four."""
    ripples = {}
    for kernel in (3, 4):
        model, params = start(images, decoder="transpose", kernel_size=kernel)
        params = jax.tree_util.tree_map_with_path(
            lambda path, x: jnp.full_like(x, 0.1) if "decoder" in str(path[0]) and "kernel" in str(path[-1]) else x,
            params,
        )
        ripples[kernel] = decoder_artifacts.responses(model, params, images)[0]["constant_ripple"]
    assert ripples[4] < 1e-4
    assert ripples[3] > 0.05


def test_the_residuals_measures_are_means_over_the_images(images):
    model, params = start(images, decoder="transpose")
    pixels = np.asarray(jnp.round(255 * images), np.uint8)

    darken = jax.tree_util.Partial(lambda index, clean: 0.5 * clean)
    evaluate = make_evaluation(model, {"dark": darken}, {"dark": decoder_artifacts.make_residual_sums(2)})
    found = decoder_artifacts.residual_figures(evaluate(params, Split(pixels))["dark"]["measured"])
    clean = jnp.asarray(pixels, jnp.float32) / 255
    restored = jax.jit(lambda x: jax.nn.sigmoid(apply(model, params, 0.5 * x)))(clean)
    spectrum = jax.jit(checkerboard.radial_spectrum)
    assert found["harmonic_energy"] == pytest.approx(
        float(np.mean(jax.jit(lambda x: checkerboard.harmonic_energy(x, 2))(restored - clean))), rel=1e-4
    )
    assert found["phase_variation"] == pytest.approx(
        float(np.mean(jax.jit(lambda x: checkerboard.phase_variation(x, 2))(restored - clean))), rel=1e-4
    )
    np.testing.assert_allclose(found["spectrum"]["clean"], np.mean(spectrum(clean), 0), rtol=1e-4)
    expected = checkerboard.spectrum_distance(*(jnp.mean(spectrum(images), 0) for images in (restored, clean)))
    assert found["spectrum_distance_db"] == pytest.approx(float(expected), rel=1e-3)


def test_before_and_after_training(images):
    model, initial = start(images, decoder="transpose")
    trained = jax.tree.map(lambda x: x + 0.3, initial)
    split = Split(np.asarray(jnp.round(255 * images), np.uint8))
    noises = {"none": jax.tree_util.Partial(lambda index, clean: clean)}
    measures = {"none": decoder_artifacts.make_residual_sums(2)}
    residual = make_evaluation(model, noises, measures)(trained, split)["none"]["measured"]
    artifacts = decoder_artifacts.measure(model, initial, trained, noises["none"], split, residual)
    figures = artifacts.figures
    assert figures.keys() == {"residual", "initial", "trained"}
    assert figures["initial"] != figures["trained"]
    assert list(artifacts.pictures) == [
        "constant, initial",
        "constant, trained",
        "impulse, initial",
        "impulse, trained",
    ]
    assert artifacts.power.shape == (12, 12)


def test_a_decoder_that_needs_the_encoder_has_no_responses(images):
    """Nothing is decoded, so that the parameters are not used."""
    model = ConvAutoencoder(features=(6, 6), skip=True)
    spectrum = np.ones(7)
    means = {"harmonic_energy": 0.1, "power": np.ones((12, 12)), "spectrum": {"clean": spectrum, "restored": spectrum}}
    split = Split(np.asarray(jnp.round(255 * images), np.uint8))
    artifacts = decoder_artifacts.measure(model, {}, {}, lambda index, clean: clean, split, means)
    assert artifacts.figures.keys() == {"residual"}
    assert artifacts.figures["residual"]["harmonic_energy"] == 0.1
    assert artifacts.pictures == {}
    assert artifacts.power.shape == (12, 12)
    figures = denoise_task.figures({"test": {"psnr": 20.0}, "artifacts": artifacts.figures})
    assert list(figures) == ["psnr", "harmonic_energy", "spectrum_distance_db"]
