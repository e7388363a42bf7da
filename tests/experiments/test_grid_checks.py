"""What a grid leaves out: its runs, its trials, and everything that is made from them."""

import dataclasses

import pytest
from test_report import make_result
from test_tuning import BEST, figure, finish, look

from configs.ablations import longer_mnist, skips_mnist
from experiments.ablate import grid, verdict
from experiments.ablate.report import costs, denoise, page, tuning_figures
from experiments.ablate.report import tuning as tuning_section
from experiments.ablate.report.grid_result import Denoising


@pytest.fixture
def settings(settings):
    """Three contenders at two lengths; k3 has the long runs only, sub the short ones only."""
    settings.contenders.sub = {"model": {"decoder": "subpixel"}}
    settings.axes = {"epochs": (1.0, 2.0)}
    settings.leave_out = ("k3, epochs=1", "sub, epochs=2")
    return settings


def test_what_is_left_out_is_not_run(settings):
    kept = ["nearest, epochs=1", "sub, epochs=1", "nearest, epochs=2", "k3, epochs=2"]
    cells = grid.expand(settings)
    assert [cell.kind for cell in cells] == 2 * kept
    folders = [cell.folder for cell in cells]
    settings.leave_out = ()
    every = grid.expand(settings)
    assert len(every) == 12
    # The other runs are the same ones.
    assert [cell.folder for cell in every if cell.kind in kept] == folders


def test_a_whole_setting_or_contender_may_be_left_out(settings):
    settings.leave_out = ("nearest, epochs=1", "k3, epochs=1", "sub, epochs=1", "k3, epochs=2")
    assert {cell.kind for cell in grid.expand(settings)} == {"nearest, epochs=2", "sub, epochs=2"}


@pytest.mark.parametrize(
    ("names", "match"),
    [
        (("k3, epochs=3",), r"leave_out: there is no 'k3, epochs=3' in this grid: .* e\.g\. 'k3, epochs=[12]'$"),
        (("k3",), "there is no 'k3' in this grid: use a name of --list without the seed"),
        (("k3, epochs=1, seed 0",), "there is no 'k3, epochs=1, seed 0' in this grid"),
        (("nearest, epochs=2",), "'nearest, epochs=2' is the reference of 'k3, epochs=2': keep it, or leave out all"),
        (tuple(f"{c}, epochs={e}" for c in ("nearest", "k3", "sub") for e in (1, 2)), "leave_out leaves no run"),
    ],
)
def test_names_that_cannot_be_left_out_are_refused(settings, names, match):
    settings.leave_out = names
    with pytest.raises(ValueError, match=match):
        grid.expand(settings)


def test_a_shared_run_whose_users_are_left_out_is_refused(settings):
    settings.experiment.task, settings.axes, settings.leave_out = "stack", {}, ("k3",)
    settings.shared_run = {"stack": {"head": "none"}}
    settings.contenders.k3 = {"stack": {"pretrained": grid.SHARED_RUN}}
    with pytest.raises(ValueError, match="shared_run is set, but no contender uses it"):
        grid.expand(settings)


def test_trials_are_left_out_too_and_each_setting_is_tuned_for_those_that_run(settings, tmp_path):
    settings.tuning.fields = {"learning_rate": (1e-3, 1e-1)}
    settings.tuning.trials, settings.tuning.finalists = 7, 1
    state = look(settings, tmp_path)
    assert {name: len(cells) for name, cells in state.trials().items()} == {
        **{"nearest, epochs=1": 7, "sub, epochs=1": 7},
        **{"nearest, epochs=2": 7, "k3, epochs=2": 7},
    }
    for cell in state.open:
        finish(state.plan.folders[cell], cell.config, figure(cell.config, BEST))
    # The best of one length goes on at the lengths that it has.
    kinds = [cell.kind for cell in look(settings, tmp_path).finals()]
    assert kinds == 2 * ["nearest, epochs=1", "sub, epochs=1", "nearest, epochs=2", "k3, epochs=2"]


def tuned_result(settings, workdir):
    """The report's result of a tuned grid whose runs have all ended."""
    settings.tuning.fields = {"learning_rate": (1e-3, 1e-1)}
    settings.tuning.trials, settings.tuning.widenings = 4, 0
    state = look(settings, workdir)
    for cell in state.open:
        finish(state.plan.folders[cell], cell.config, figure(cell.config, BEST))
    made = make_result(settings, workdir, psnr=20.0)
    return dataclasses.replace(made, tuning=look(settings, workdir))


def test_the_figures_of_the_tuning_have_every_contender_in_their_legend(settings, tmp_path, monkeypatch):
    drawn = []
    legend = tuning_figures._legend
    monkeypatch.setattr(
        tuning_figures,
        "_legend",
        lambda made, axes, styles: legend(made, axes, styles) or drawn.append(axes[0, -1].get_legend()),
    )
    tuning_section.sections(tuned_result(settings, tmp_path))
    assert [[text.get_text() for text in one.get_texts()] for one in drawn] == 2 * [["sub", "nearest", "k3"]]


def test_the_report_copes_with_contenders_that_a_setting_lacks(settings, tmp_path):
    result = make_result(settings, tmp_path, psnr=20.0)
    assert result.contenders == ["nearest", "k3", "sub"]
    found = verdict.comparisons(result.rows, result.contenders, ["epochs"], "nearest", result.metric)
    assert list(found) == ["sub, epochs=1", "k3, epochs=2"]
    assert [cell.kind for cell in result.first_cells] == ["nearest, epochs=1", "sub, epochs=1"]
    assert len(page.comparison(result)) == len(page.comparison(make_result(settings, tmp_path, psnr=20.0)))


def test_the_figure_of_costs_shows_the_first_setting_only(settings, tmp_path, monkeypatch):
    result = make_result(settings, tmp_path, psnr=20.0)
    cost = {"parameters": 5, "multiplications": 7, "forward_ms": 1.0}
    timed = {cell.kind: {**cost, "training_ms": 2.0 + cell.config.epochs} for cell in result.plan.cells}
    result = dataclasses.replace(result, denoising=Denoising([], timed))
    drawn = {}
    monkeypatch.setattr(costs.figures, "quality_by_cost", lambda points, *_: drawn.update(points))
    monkeypatch.setattr(costs, "add_figure", lambda result, name, figure, caption: caption)
    parts = costs.section(result)
    assert {name: x for name, (x, _) in drawn.items()} == {"nearest": 3.0, "sub": 3.0}
    assert parts[1].endswith("training step (epochs=1, the first of 2 settings).")
    assert parts[2].count("<tr>") == 1 + 4


def test_the_figure_of_noise_levels_lacks_what_is_left_out(settings, tmp_path, monkeypatch):
    settings.axes = {"noise": {"level": (0.1, 0.4)}}
    settings.leave_out = ("k3, noise.level=0.1",)
    result = make_result(settings, tmp_path, psnr=20.0)
    levels = [{**row, "noisy_psnr": 10.0} for row in result.rows]
    result = dataclasses.replace(result, denoising=Denoising(levels, {}))
    drawn = []
    figure_of_levels = denoise.figures.levels
    monkeypatch.setattr(denoise.figures, "levels", lambda *args: drawn.extend(args[:2]) or figure_of_levels(*args))
    assert len(denoise.levels(result)) == 2
    curves, differences = drawn
    assert {name: list(points) for name, points in curves.items()} == {
        **{"nearest": [0.1, 0.4], "k3": [0.4], "sub": [0.1, 0.4], "noisy input": [0.1, 0.4]}
    }
    assert {name: list(points) for name, points in differences.items()} == {"k3": [0.4], "sub": [0.1, 0.4]}


@pytest.mark.parametrize(("module", "comparisons"), [(longer_mnist, 7), (skips_mnist, 12)])
def test_the_grids_have_as_many_seeds_as_their_comparisons_need(module, comparisons):
    settings = module.get_config()
    kinds = {cell.kind for cell in grid.expand(settings) if cell.contender != settings.reference}
    assert len(kinds) == comparisons
    # With n seeds the smallest p-value is 2^(1-n), and Holm's correction multiplies it by the number of comparisons.
    assert comparisons * 2.0 ** (1 - settings.seeds) <= 0.05 < comparisons * 2.0 ** (2 - settings.seeds)
