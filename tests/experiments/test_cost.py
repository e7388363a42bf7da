"""What a grid's contenders cost, and what baselines make of the same images."""

import numpy as np
import pytest

from aeden import random_keys
from aeden.tasks import from_config
from aeden.tasks.objectives import restoration
from configs import smoke
from configs.ablations import grid_base
from experiments.ablate import baselines, cost, grid


@pytest.fixture
def cells():
    settings = grid_base.get_config()
    settings.experiment = smoke.get_config()
    settings.experiment.data.limit, settings.experiment.batch_size = 48, 8
    settings.contenders.nearest = {"model": {"decoder": "upsample"}}
    settings.contenders.k3 = {"model": {"decoder": "transpose"}}
    settings.reference = "nearest"
    return grid.expand(settings)


def test_every_kind_is_counted_and_timed_once(cells):
    found = cost.costs(cells[:4], rounds=2)
    assert set(found) == {"nearest", "k3"}
    assert found["k3"]["parameters"] == found["nearest"]["parameters"]
    assert found["nearest"]["multiplications"] > found["k3"]["multiplications"]
    for one in found.values():
        assert 0 < one["forward_ms"] < one["training_ms"]


def test_baselines_see_what_the_networks_see_and_are_kept(cells, tmp_path, monkeypatch):
    monkeypatch.setattr(baselines.baselines, "DENOISERS", {"Gaussian": baselines.baselines.DENOISERS["Gaussian"]})
    rows, shown = baselines.compare(cells[0].config, tmp_path)
    assert [row["method"] for row in rows] == ["noisy input", "Gaussian", "posterior mean"]
    dataset, config = grid.dataset_of(cells[0].config), cells[0].config
    noise = from_config.build_noise(config)
    clean, noisy = restoration.corrupt_split(noise, dataset.test, config.seed, random_keys.Stream.TEST)
    np.testing.assert_allclose(
        rows[0]["psnr"], np.mean(-10 * np.log10(((noisy - clean) ** 2).mean((1, 2, 3)))), rtol=1e-5
    )
    assert rows[1]["psnr"] > rows[0]["psnr"] + 1
    monkeypatch.setattr(baselines, "_measure", lambda *_: pytest.fail("measured again"))
    again, pictures = baselines.compare(cells[1].config, tmp_path)
    assert again == rows
    np.testing.assert_array_equal(pictures["Gaussian"], shown["Gaussian"])
