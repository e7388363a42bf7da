"""Grids of super-resolution: counted costs, pairing by size, what cannot be compared, the sections of the report."""

import csv

import numpy as np
import pytest
from test_report import PROVENANCE, text_of

from aeden.nn.resize import INTERPOLATIONS
from aeden.runtime.files import write_json
from configs import super_resolve_mnist
from configs.ablations import super_resolve_mnist as mnist_grid
from experiments.ablate import grid, metrics, outcome, pairing, results, tuning_checks
from experiments.ablate.plan import make_plan
from experiments.ablate.report import super_resolve
from experiments.ablate.report.grid_result import GridResult

SHAPE = (28, 28, 1)


@pytest.fixture
def settings(settings):
    """Two decoders at factors of 2 and 4 under two seeds."""
    settings.experiment = super_resolve_mnist.get_config()
    settings.axes = {"super_resolve": {"factor": (2, 4)}}
    return settings


def summary(cell, rng):
    """A made-up summary: networks reach 20 dB plus their seed, Lanczos is the best interpolation with 19 dB."""
    levels = {"nearest": 16.0, "bilinear": 17.0, "bicubic": 18.0, "lanczos": 19.0, "test": 20.0 + cell.seed}
    rest = {"ssim": 0.5, "spectrum_distance_db": 2.0, "harmonic_energy": 0.1, "phase_variation": 0.2}
    spectra = {name: rng.uniform(size=20).tolist() for name in (*levels, "clean")}
    return {
        **PROVENANCE,
        "task": "super_resolve",
        "parameters": 5,
        "wall_seconds": 1.0,
        **{name: {"psnr": value, **rest} for name, value in levels.items()},
        "spectra": spectra,
    }


def examples(folder, rng):
    """A made-up examples.npz."""
    folder.mkdir(parents=True)
    names = ("clean", "restored", *INTERPOLATIONS)
    images = {name: rng.uniform(size=(2, 28, 28, 1)).astype(np.float32) for name in names}
    power = {f"power of {name}": rng.uniform(size=(28, 28)) for name in ("test", *INTERPOLATIONS)}
    np.savez(folder / "examples.npz", low=np.zeros((2, 14, 14, 1), np.float32), **images, **power)


@pytest.fixture
def result(settings, tmp_path, rng, monkeypatch):
    class Images:
        image_shape = SHAPE

    for module in (super_resolve, outcome):
        monkeypatch.setattr(module, "dataset_of", lambda config: Images)
    plan = make_plan("made up", settings, grid.expand(settings), tmp_path)
    summaries = {cell: summary(cell, rng) for cell in plan.cells}
    rows = {cell: results.row(cell, one, cell.folder) for cell, one in summaries.items()}
    outcome._add_multiplications(rows)
    for cell in plan.cells[:2]:
        examples(plan.folders[cell], rng)
    return GridResult(plan, [], list(rows.values()), summaries, {}, {})


def test_the_report_compares_with_interpolation_at_each_factor(result):
    text = " ".join(text_of(super_resolve.sections(result)).split())
    assert all(title in text for title in ("Compared with interpolation", "Artifacts", "Pictures"))
    assert text.count("lanczos (interpolation)") == 2
    # 20.5 dB over both seeds, 1.5 dB above Lanczos.
    assert text.count("20.50 ± 0.71") == 4
    assert text.count("+1.50") == 4
    with open(result.plan.workdir / "baselines.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["method"], row["super_resolve.factor"], float(row["psnr"])) for row in rows[3:5]] == [
        ("lanczos", "2", 19.0),
        ("nearest", "4", 16.0),
    ]
    assert {path.stem for path in (result.plan.workdir / "figures").glob("*.png")} == {"spectra", "pictures"}


def test_multiplications_are_counted(result):
    """Of `nearest` by 2: convolutions at 14 x 14, the merged resize of 16 taps there, the output at 28 x 28."""
    low, high = 14 * 14, 28 * 28
    expected = low * 9 * (1 * 32 + 32 * 32) + low * 16 * 32 * 32 + high * 9 * 32
    row = next(row for row in result.rows if (row["contender"], row["super_resolve.factor"]) == ("nearest", 2))
    assert row["multiplications"] == expected


def test_a_contender_may_not_change_the_test_images(settings):
    settings.axes = {}
    settings.contenders.k3 = {"super_resolve": {"antialias": False}}
    with pytest.raises(ValueError, match=r"contender k3 sets super_resolve.antialias: all are tested on the same"):
        grid.expand(settings)
    settings.contenders.k3 = {"super_resolve": {"residual": True}, "loss": "mse"}
    assert len(grid.expand(settings)) == 4


def test_decoders_are_paired_by_size():
    cells = {cell.contender: cell.config for cell in grid.expand(mnist_grid.get_config("4"))}
    reference, config = cells["nearest"], cells["subpixel"]
    config.model.decoder_features = pairing.paired(config, reference, "multiplications", SHAPE)
    sizes = [pairing.size(one, "multiplications", SHAPE) for one in (config, reference)]
    assert len(config.model.decoder_features) == 2
    assert abs(sizes[0] / sizes[1] - 1) < 0.03


def test_the_grid_is_tuned_by_the_validation(tmp_path):
    settings = mnist_grid.get_config()
    cells = grid.expand(settings)
    assert len(cells) == 6 * 9
    tuning_checks.check(settings, cells)
    assert metrics.for_verdict("super_resolve", "psnr").margin == 0.1
    write_json(tmp_path / "x.json", settings.to_dict())  # what a grid records of itself


def test_other_factors_are_refused():
    with pytest.raises(ValueError, match="'5' is no variant of this grid: after the colon comes one of 2, 3, 4"):
        mnist_grid.get_config("5")
