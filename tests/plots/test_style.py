"""What all figures share: that figures are written and closed, and how images are arranged."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from aeden.plots import style


@pytest.mark.parametrize("channels", [1, 3])
def test_samples(tmp_path, rng, channels):
    rows = {name: rng.uniform(size=(4, 9, 9, channels)) for name in ("clean", "noisy", "restored")}
    rows["error"] = rows["restored"] - rows["clean"]
    style.save_samples(tmp_path / "samples.png", "four images", rows, {"noisy": ["1 dB"] * 4})
    with Image.open(tmp_path / "samples.png") as image:
        few = np.asarray(image.convert("RGB"))
    assert few.shape[0] > 300
    assert len(np.unique(few.reshape(-1, 3), axis=0)) > 100


def test_figures_are_closed_and_need_no_display(tmp_path):
    figure, axis = style.panel((2.0, 2.0))
    axis.plot([0, 1], [0, 1])
    style.save(figure, tmp_path / "figure.png", "a title")
    assert not plt.fignum_exists(figure.number)
    assert plt.get_backend().lower() == "agg"


def test_image_grid(rng):
    images = rng.integers(0, 256, (3, 4, 5, 1), dtype=np.uint8)
    sheet = style.image_grid(images, 2)
    assert sheet.shape == (2 * (3 * 4 + 2) + 2, 2 * (3 * 5 + 2) + 2, 3)
    np.testing.assert_array_equal(sheet[2:14:3, 2:17:3, 0], images[0, ..., 0])
    np.testing.assert_array_equal(sheet[16:28:3, 2:17:3, 2], images[2, ..., 0])
    assert (sheet[:2] == style.GAP_GRAY).all()
    assert (sheet[16:, 19:] == style.GAP_GRAY).all()  # no fourth image
