"""Figures of restored images and of responses: that they show what they are given."""

import numpy as np
import pytest
from kept_figures import keep_figures

from aeden.plots import restoration
from aeden.plots.style import SIGNS

drawn = pytest.fixture(keep_figures)


@pytest.mark.parametrize("channels", [1, 3])
def test_restoration(tmp_path, rng, drawn, channels):
    images = {name: rng.uniform(size=(2, 9, 9, channels)).astype(np.float32) for name in ("clean", "noisy", "restored")}
    psnr = {"noisy": [11.04, 100.0], "restored": np.array([20.26, 21.0], np.float32)}
    restoration.save_restoration(tmp_path / "samples.png", "a run", images, psnr)
    axes = np.reshape(drawn[0].axes, (4, 2))
    assert [line[0].get_ylabel() for line in axes] == ["clean", "noisy", "restored", "error"]
    captions = [[axis.get_xlabel() for axis in line] for line in axes]
    assert captions == [["", ""], ["11.0 dB", "exact"], ["20.3 dB", "21.0 dB"], ["", " "]]
    assert axes[3, 0].texts[0].get_text() == SIGNS
    error = (images["restored"] - images["clean"])[1].mean(-1)
    np.testing.assert_allclose(axes[3, 1].images[0].get_array(), error, atol=1e-6)


def test_responses(tmp_path, drawn):
    responses = {"constant, initial": np.zeros((5, 5)), "impulse, trained": np.eye(5) * -0.25}
    restoration.save_responses(tmp_path / "responses.png", "a run", responses)
    assert [axis.get_title() for axis in drawn[0].axes] == list(responses)
    assert drawn[0].axes[1].images[0].get_clim() == (-0.25, 0.25)
    assert drawn[0].axes[1].get_xlabel() == "logits, ± 0.25"
