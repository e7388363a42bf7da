"""Figures of a generator: that they show its samples and its training."""

import numpy as np
import pytest
from kept_figures import keep_figures
from PIL import Image

from aeden.plots import generator, style

drawn = pytest.fixture(keep_figures)


def test_grid_and_progress(tmp_path, rng, drawn):
    steps = {100 * i: rng.integers(0, 256, (60, 7, 7, 1), dtype=np.uint8) for i in range(20)}
    generator.save_grid(tmp_path / "samples.png", steps[0])
    with Image.open(tmp_path / "samples.png") as image:
        np.testing.assert_array_equal(np.asarray(image), style.image_grid(steps[0], 10))
    generator.save_progress(tmp_path, "a generator", steps)
    with Image.open(tmp_path / "progress.gif") as image:
        assert image.n_frames == 20
    names = [axis.get_ylabel() for axis in drawn[0].axes if axis.get_ylabel()]
    assert (len(names), names[0], names[-1]) == (8, "step 0", "step 1,900")


def test_training(tmp_path, drawn):
    rows = [{"epoch": 1.0, "train_generator_loss": 1.0}, {"epoch": 1.0, "validation_kid": 0.5}]
    generator.save_training(tmp_path / "curves.png", "a generator", rows)
    losses, kid, shares = drawn[0].axes
    assert [line.get_label() for line in losses.lines] == ["generator"]
    assert kid.get_yscale() == "symlog"
    assert not shares.lines
