"""Results that are finite and worth nothing are told."""

import numpy as np
import pytest

from aeden.tasks import drawing
from aeden.tasks.useless_results import (
    alike,
    class_warnings,
    enlargement_warnings,
    pixel_warnings,
    restoration_warnings,
    sample_warnings,
)

CLEAN = np.linspace(0, 1, 3 * 4 * 4).reshape(3, 4, 4, 1)


@pytest.mark.parametrize(
    ("restored", "clean", "mse", "said"),
    [
        (np.full_like(CLEAN, 0.5), CLEAN, 0.01, "same image for every input"),
        (np.full_like(CLEAN, 0.5), np.zeros_like(CLEAN), 0.01, None),  # all images of the data are the same
        (CLEAN, CLEAN, 0.089, "worse than the noisy ones (mean squared error 0.08 to 0.089)"),
        (CLEAN, CLEAN, np.nan, "worse than the noisy ones"),
        (CLEAN, CLEAN, 0.07, None),
    ],
)
def test_an_autoencoder_that_restores_nothing(restored, clean, mse, said):
    warnings = restoration_warnings({"clean": clean, "restored": restored}, {"mse": 0.08}, {"mse": mse})
    assert len(warnings) == (said is not None)
    assert said is None or said in warnings[0]


def test_images_without_noise_cannot_get_better():
    assert restoration_warnings({"clean": CLEAN, "restored": CLEAN}, {"mse": 0.0}, {"mse": 0.001}) == []


@pytest.mark.parametrize(
    ("confusion", "said"),
    [
        ([[5, 0], [3, 0]], "same class for every image"),
        ([[4, 1], [3, 0]], "50.00%, is no better than always predicting the largest class, 62.50%"),
        ([[5, 0], [1, 2]], None),
        ([[5, 0], [0, 0]], None),  # the test images are of one class
    ],
)
def test_a_classifier_that_tells_nothing_apart(confusion, said):
    warnings = class_warnings(np.array(confusion))
    assert len(warnings) == (said is not None)
    assert said is None or said in warnings[0]


@pytest.mark.parametrize(
    ("restored", "psnr", "said"),
    [
        (np.full_like(CLEAN, 0.5), 20.0, "same image for every input"),
        (CLEAN, 17.5, "repeating each pixel is better than the network (PSNR 18.00 and 17.50 dB)"),
        (CLEAN, np.nan, "repeating each pixel is better"),
        (CLEAN, 18.5, None),
    ],
)
def test_a_network_that_enlarges_nothing(restored, psnr, said):
    figures = {"test": {"psnr": psnr}, "nearest": {"psnr": 18.0}}
    warnings = enlargement_warnings({"clean": CLEAN, "restored": restored}, figures)
    assert len(warnings) == (said is not None)
    assert said is None or said in warnings[0]


def test_a_segmentation_of_one_class():
    assert "every pixel the same class" in pixel_warnings(np.array([[5, 0], [3, 0]]))[0]
    assert pixel_warnings(np.array([[5, 0], [3, 1]])) == []
    assert pixel_warnings(np.array([[5, 0], [0, 0]])) == []


def test_a_generator_of_one_image():
    samples = np.full((3, 4, 4, 1), 7, np.uint8)
    assert "all samples are the same image" in sample_warnings(samples)[0]
    samples[0, 0, 0, 0] = 9
    assert sample_warnings(samples) == []
    assert not alike(CLEAN[:1])


def test_a_figure_that_fails_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(drawing, "STRICT", False)
    with drawing.drawing(tmp_path):
        raise RuntimeError("no\nfont")
    err = capsys.readouterr().err
    assert err == f"warning: not all pictures of {tmp_path} could be drawn (no font); the results are complete\n"
    with pytest.raises(KeyboardInterrupt), drawing.drawing(tmp_path):
        raise KeyboardInterrupt
