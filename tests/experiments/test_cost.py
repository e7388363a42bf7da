"""The costs of a grid's contenders, and the baselines on the same images."""

import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT, start

from aeden.runtime import files
from aeden.tasks.denoise.task import prepare
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


def test_every_network_is_counted_and_timed(cells):
    found = cost.costs({cell.kind: prepare(cell.config, grid.dataset_of(cell.config)) for cell in cells[:2]}, rounds=2)
    assert set(found) == {"nearest", "k3"}
    assert found["k3"]["parameters"] == found["nearest"]["parameters"]
    assert found["nearest"]["multiplications"] > found["k3"]["multiplications"]
    for one in found.values():
        # Which of them is longer is not tested: two rounds of a small network say nothing.
        assert one["forward_ms"] > 0
        assert one["training_ms"] > 0


@pytest.mark.proof
def test_the_command_times_a_grid(tmp_path):
    options = ("--config.experiment.data.name=glyphs/digits", "--config.experiment.data.limit=48")
    process = start(
        "experiments.ablate.cost",
        *("--config", "configs/ablations/quick.py", *options, "--config.experiment.model.features=(2, 2)"),
        *("--config.experiment.batch_size=8", "--rounds=1", f"--output={tmp_path / 'cost.json'}"),
    )
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    record = files.read_json(tmp_path / "cost.json")
    assert set(record["costs"]) == set(record["configs"]) == {"nearest", "k3"}
    assert record["batch"] == 8
    assert '"training_ms"' in out


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("--config=configs/ablations/gans_mnist.py",), "only denoising networks are timed"),
        pytest.param(("--config=configs/ablations/quick.py", "--rounds=0"), "rounds", marks=pytest.mark.proof),
        pytest.param(("--config=configs/ablations/quick.py", "--round=2"), "round", marks=pytest.mark.proof),
    ],
)
def test_bad_options_are_one_line(arguments, match):
    process = start("experiments.ablate.cost", *arguments)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 1
    assert err.splitlines()[-1].startswith("error: ")
    assert match in err.splitlines()[-1]


@pytest.mark.proof  # test_benchmark_imports.py imports these and all other modules, in another order
def test_commands_of_one_process_do_not_share_flags():
    """The benchmark too has --output and --rounds."""
    modules = ("ablate.cost", "ablate.__main__", "labels", "benchmark.__main__", "main")
    code = "; ".join(f"import experiments.{name}" for name in modules)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def test_baselines_see_what_the_networks_see_and_are_kept(cells, tmp_path, monkeypatch):
    monkeypatch.setattr(baselines.classical, "DENOISERS", {"Gaussian": baselines.classical.DENOISERS["Gaussian"]})
    rows, shown = baselines.compare(baselines.noisy_data(cells[0], cells[0].level), tmp_path)
    assert [row["method"] for row in rows] == ["noisy input", "Gaussian", "posterior mean"]
    run = prepare(cells[0].config, grid.dataset_of(cells[0].config))
    clean, noisy = restoration.corrupt_split(run.noise, run.dataset.test)
    np.testing.assert_allclose(
        rows[0]["psnr"], np.mean(-10 * np.log10(((noisy - clean) ** 2).mean((1, 2, 3)))), rtol=1e-5
    )
    assert rows[1]["psnr"] > rows[0]["psnr"] + 1
    monkeypatch.setattr(baselines, "_measure", lambda *_: pytest.fail("measured again"))
    again, pictures = baselines.compare(baselines.noisy_data(cells[1], cells[1].level), tmp_path)
    assert again == rows
    np.testing.assert_array_equal(pictures["Gaussian"], shown["Gaussian"])
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".npz"}


def test_holes_are_also_filled_by_a_method_that_is_told_where_they_are(cells, tmp_path, monkeypatch):
    """Inside and outside as NumPy counts them: holes are what became 0 and is not 0 in the clean image."""
    pytest.importorskip("skimage")
    monkeypatch.setattr(baselines.classical, "DENOISERS", {})
    cells[0].config.noise.kind = "blocks"
    data = baselines.noisy_data(cells[0], cells[0].level)
    untouched, filled = baselines.compare(data, tmp_path)[0]
    assert (untouched["method"], filled["method"]) == ("noisy input", "biharmonic, told the holes")
    clean, noisy = restoration.corrupt_split(baselines._fixed(data, baselines.Stream.TEST), data.dataset.test)
    holes = np.broadcast_to(baselines._holes(data), clean.shape)
    assert np.all((noisy == 0)[holes])
    np.testing.assert_allclose(noisy[~holes], clean[~holes], rtol=1e-6)
    np.testing.assert_allclose(untouched["psnr_inside"], -10 * np.log10((clean[holes] ** 2).mean()), rtol=1e-5)
    assert filled["psnr_inside"] > untouched["psnr_inside"] + 1
    assert min(untouched["psnr_outside"], filled["psnr_outside"]) > 90  # nothing is changed there


def test_baselines_are_computed_at_every_level_of_every_setting(cells, tmp_path, monkeypatch):
    measured = []

    def compare(data, folder):
        measured.append((data.noise_fields["level"], data.noise_fields["level_max"], data.seed))
        return [{"method": "median", "psnr": 1.0}], {"median": np.zeros(int(measured[-1][0] > 0.3))}

    monkeypatch.setattr(baselines, "compare", compare)
    for cell in cells:
        cell.config.eval.levels = (0.2, 0.4)
    said = []
    found = baselines.compare_grid(cells, tmp_path, said.append)
    assert measured == [(0.4, 0.0, 0), (0.2, 0.0, 0)]
    assert found.rows == [{"method": "median", "level": level, "psnr": 1.0} for level in (0.4, 0.2)]
    assert len(found.shown["median"]) == 1  # of the first level
    assert said[1] == "comparing with baselines on the same noisy images, noise.level=0.2 ..."
