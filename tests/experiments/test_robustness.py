"""The section on robustness of a grid's report, from made-up summaries."""

import csv
import re

import pytest
from test_report import make_result, text_of

from experiments.ablate import grid, verdict
from experiments.ablate.report import denoise, robustness

PSNR = {"nearest": 20.0, "k3": 20.5}


@pytest.fixture
def result(settings, tmp_path):
    """Two contenders over two seeds with two further noises; k3 is 0.5 dB better with both."""
    extras = {"shift_equivariance_db": 23.4, "generalisation_gap_db": 0.02, "generalisation_gap_bce": 0.0001}
    made = make_result(settings, tmp_path, psnr=20.0, harmonic_energy=0.1, **extras)
    for cell in made.plan.cells:
        psnr = PSNR[cell.contender] + 0.25 * cell.seed
        made.summaries[cell] = {
            **made.summaries[cell],
            "noises": {
                "speckle:0.5": {"noisy": {"psnr": 17.0}, "test": {"psnr": psnr}},
                "masking:0.3": {"noisy": {"psnr": 14.0}, "test": {"psnr": psnr - 1}},
            },
        }
    return made


def cells_of(part):
    rows = re.findall(r"<tr>(.*?)</tr>", part)
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]


def test_each_noise_is_compared_with_the_reference_seed_by_seed(result, tmp_path):
    title, shown, text = robustness.section(result)
    assert title == "<h2>Robustness and equivariance</h2>"
    head, nearest, k3 = cells_of(shown)
    assert head == [
        "contender",
        "shift equivariance, dB",
        "gap to training images, dB",
        "BCE gap to training images, nats",
        "PSNR, dB, speckle 0.5",
        "difference to nearest",
        "PSNR, dB, masking 0.3",
        "difference to nearest",
    ]
    assert nearest[4:] == ["20.12 ± 0.18", "", "19.12 ± 0.18", ""]
    assert k3[4:] == ["20.62 ± 0.18", "+0.50 dB", "19.62 ± 0.18", "+0.50 dB"]
    assert k3[1] == "23.450 ± 0.071"
    for words in ("below the network's total stride", "up to as many training images", "paired seeds, not tested"):
        assert words in text_of([text])
    with open(tmp_path / "noises.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 4
    assert rows[1] == {
        "contender": "nearest",
        "dataset": "glyphs/digits",
        "seed": "0",
        "kind": "masking",
        "level": "0.3",
        "psnr": "19.0",
        "noisy_psnr": "14.0",
    }


def test_a_seed_that_the_reference_lacks_counts_for_no_difference(result):
    lacking = next(cell for cell in result.plan.cells if cell.name == "nearest, seed 1")
    del result.summaries[lacking]
    assert cells_of(robustness.section(result)[1])[2][4:6] == ["20.62 ± 0.18", "+0.50 dB"]
    for cell in result.plan.cells:
        if cell.contender == "nearest":
            result.summaries.pop(cell, None)
    _, nearest, k3 = cells_of(robustness.section(result)[1])
    assert nearest[4:6] == ["", ""]
    assert k3[4:6] == ["20.62 ± 0.18", ""]


def test_runs_without_any_of_it_have_no_such_section(settings, tmp_path):
    plain = make_result(settings, tmp_path, psnr=20.0)
    assert robustness.section(plain) == []
    assert not (tmp_path / "noises.csv").exists()


def test_extras_are_not_listed_as_artifacts(result, monkeypatch):
    monkeypatch.setattr(denoise, "_spectra", lambda _: [])
    table = denoise.artifacts(result)[1]
    assert cells_of(table)[0] == ["contender", "PSNR, dB", "checkerboard energy"]
    assert "shift" not in text_of([table])


def test_a_verdict_needs_runs_that_measure_its_metric(settings):
    settings.experiment.eval.extras = True
    verdict.check("shift_equivariance_db", grid.expand(settings))
    for name in ("generalisation_gap_db", "generalisation_gap_bce"):  # a network that learns nothing has the smallest
        with pytest.raises(ValueError, match=f"cannot be about the metric '{name}'"):
            verdict.check(name, grid.expand(settings))
    settings.experiment.eval.extras = False
    with pytest.raises(ValueError, match="nearest: a run measures shift_equivariance_db with"):
        verdict.check("shift_equivariance_db", grid.expand(settings))
    settings.experiment.eval.test = False
    with pytest.raises(ValueError, match=r"nearest: eval\.test=False leaves nothing to compare"):
        verdict.check("psnr", grid.expand(settings))


def test_a_dense_network_has_no_shift_equivariance(settings):
    settings.experiment.eval.extras = True
    settings.contenders.dense = {"model": {"architecture": "dense"}}
    with pytest.raises(ValueError, match="dense: the last layer of its network does not upsample"):
        verdict.check("shift_equivariance_db", grid.expand(settings))
