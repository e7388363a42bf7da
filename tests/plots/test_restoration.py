"""The figures: that they are drawn, and show what they are given."""

import numpy as np
import pytest
from PIL import Image

from aeden.plots import curves, style


@pytest.mark.parametrize("channels", [1, 3])
def test_samples(tmp_path, rng, channels):
    rows = {name: rng.uniform(size=(4, 9, 9, channels)) for name in ("clean", "noisy", "restored")}
    rows["error"] = rows["restored"] - rows["clean"]
    style.save_samples(tmp_path / "samples.png", "four images", rows, {"noisy": ["1 dB"] * 4})
    with Image.open(tmp_path / "samples.png") as image:
        few = np.asarray(image.convert("RGB"))
    assert few.shape[0] > 300
    assert len(np.unique(few.reshape(-1, 3), axis=0)) > 100


@pytest.mark.parametrize("epochs", [1, 30])
def test_curves(tmp_path, epochs):
    rows = [
        {"step": 10 * i, "epoch": float(i), "train_loss": 1 / i, "validation_psnr": 10 + i, "validation_bce": 1 / i}
        for i in range(1, epochs + 1)
    ]
    curves.save_curves(tmp_path / "curves.png", "a run", rows, {"psnr": 11.0})
    with Image.open(tmp_path / "curves.png") as image:
        assert image.size[0] > 600
