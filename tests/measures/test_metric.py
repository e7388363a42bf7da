"""Metric constants: how values are labelled and printed, and the keys of the summaries."""

import pytest

from aeden.measures import checkerboard, image_quality, sample_quality
from aeden.measures.metric import Metric
from aeden.tasks.execute import TASKS

CONSTANTS = [
    value
    for module in (image_quality, checkerboard, sample_quality)
    for value in vars(module).values()
    if isinstance(value, Metric)
]


@pytest.mark.parametrize(
    ("metric", "label", "difference"),
    [
        (image_quality.PSNR, "PSNR, dB", "+0.31 dB"),
        (image_quality.SSIM, "SSIM", "+0.3142"),
        (image_quality.BCE, "BCE, nats", "+0.3142 nats"),
        (image_quality.MSE, "MSE", "+0.31416"),
        (image_quality.ACCURACY, "accuracy", "+0.3142"),
        (image_quality.CROSS_ENTROPY, "cross-entropy, nats", "+0.3142 nats"),
        (checkerboard.HARMONIC_ENERGY, "checkerboard energy", "+0.31416"),
        (checkerboard.SPECTRUM_DISTANCE, "spectrum distance, dB", "+0.31 dB"),
        (sample_quality.KID, "KID", "+0.3142"),
        (sample_quality.FID, "FID", "+0.314"),
        (sample_quality.COVERAGE, "coverage", "+0.314"),
    ],
)
def test_labels_and_differences(metric, label, difference):
    assert metric.axis_label == label
    assert metric.format_difference(0.314159) == difference
    assert metric.format_difference(-0.314159) == difference.replace("+", "-")


def test_sizes_have_no_sign_and_as_many_digits_as_they_need():
    assert image_quality.PSNR.format_size(0.1) == "0.1 dB"
    assert image_quality.SSIM.format_size(0.0005) == "0.0005"


def test_only_psnr_has_a_margin():
    """A margin changes verdicts: docs/method.md argues for it."""
    assert {metric.name: metric.margin for metric in CONSTANTS if metric.margin} == {"psnr": 0.1}


def test_names_are_the_keys_of_summaries():
    """Names are unique, those that summaries have had so far are kept, and each computed metric is described."""
    names = [metric.name for metric in CONSTANTS]
    assert len(names) == len(set(names))
    assert set(names) >= {
        *("psnr", "ssim", "bce", "bce_excess", "mse", "accuracy", "cross_entropy"),
        *("harmonic_energy", "phase_variation", "spectrum_distance_db"),
        *("fid", "kid", "precision", "recall", "density", "coverage", "authenticity"),
    }
    assert {*image_quality.RESTORATION_METRICS} <= set(names)
    assert {metric.name for task in TASKS.values() for metric in task.metrics} >= {
        *("psnr", "ssim", "bce", "mse", "accuracy", "cross_entropy", "kid", "fid", "density", "confident"),
    }


def test_directions():
    higher = {metric.name for metric in CONSTANTS if metric.higher_is_better}
    neither = {metric.name for metric in CONSTANTS if metric.higher_is_better is None}
    assert higher >= {"psnr", "ssim", "accuracy", "precision", "recall", "coverage"}
    assert not higher & {"bce", "bce_excess", "mse", "cross_entropy", "fid", "kid", "spectrum_distance_db"}
    assert neither >= {"density", "authenticity"}
