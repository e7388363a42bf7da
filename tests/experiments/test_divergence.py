"""Runs of a grid that diverged: not run again, no failure, and named wherever the verdict is."""

import dataclasses

import pytest
from test_report import PROVENANCE, make_result, text_of

from aeden.runtime import files
from experiments.ablate import divergence, grid, outcome
from experiments.ablate.plan import make_plan
from experiments.ablate.report import page

LOSS = "the loss is nan at step 3; none is saved."


def diverge(plan, *names):
    """Records some runs as diverged."""
    for cell, folder in plan.folders.items():
        if cell.name in names:
            folder.mkdir(parents=True)
            assert plan.record_divergence(cell, LOSS)


@pytest.fixture
def plan(settings, tmp_path):
    """A grid under three seeds, none of which was run."""
    settings.seeds = 3
    return make_plan("a grid", settings, grid.expand(settings), tmp_path)


def test_a_run_that_diverged_has_ended(plan):
    assert not plan.record_divergence(plan.cells[0], "the disk is full")
    diverge(plan, "k3, seed 1")
    assert [cell.name for cell in plan.cells if plan.has_ended(cell)] == ["k3, seed 1"]
    assert divergence.counts(plan) == {"k3": 1}
    assert divergence.sentences(plan) == [
        "1 of 3 runs of k3 diverged: its figures are those of the others, so do not take it for better."
    ]


def test_a_run_that_ended_later_did_not_diverge(plan):
    diverge(plan, "k3, seed 1")
    cell = next(cell for cell in plan.cells if cell.name == "k3, seed 1")
    files.write_json(plan.folders[cell] / "summary.json", {"psnr": 1.0})
    assert divergence.sentences(plan) == []


def test_a_contender_without_any_result_is_named(plan):
    diverge(plan, *(f"k3, seed {seed}" for seed in range(3)))
    assert divergence.sentences(plan) == ["3 of 3 runs of k3 diverged: it has no figures."]


def test_a_shared_run_that_diverged_failed(settings, tmp_path):
    settings.experiment.task, settings.shared_run = "stack", {"stack": {"head": "none"}}
    settings.contenders.k3 = {"stack": {"pretrained": grid.SHARED_RUN}}
    plan = make_plan("a grid", settings, grid.expand(settings), tmp_path)
    assert not plan.record_divergence(plan.shared[0], LOSS)


def test_the_report_names_what_diverged(settings, tmp_path):
    result = make_result(settings, tmp_path, psnr=20.0)
    diverge(result.plan, "k3, seed 1")
    left = dict.fromkeys((cell for cell in result.plan.cells if cell.name != "k3, seed 1"), PROVENANCE)
    opening = text_of(page.opening(dataclasses.replace(result, summaries=left)))
    assert "1 of 2 runs of k3 diverged: its figures are those of the others" in opening
    assert "not finished" not in opening


def test_verdict_and_text_name_what_diverged(settings, tmp_path, monkeypatch):
    settings.costs = settings.baselines = False
    plan = make_plan("a grid", settings, grid.expand(settings), tmp_path)
    diverge(plan, "k3, seed 1")
    assert "nothing to report" in outcome.write(plan, {}, [])
    assert "1 of 2 runs of k3 diverged" in outcome.write(plan, {}, [])
    monkeypatch.setattr(outcome.results, "levels", lambda *_: [])
    monkeypatch.setattr(outcome.page, "write", lambda result: None)
    monkeypatch.setattr(outcome, "command", lambda plan, cell: cell.name)
    monkeypatch.setattr(outcome.results, "row", lambda cell, summary, label: {**summary, "folder": label})
    for cell in plan.cells:
        if not plan.has_ended(cell):
            row = {"contender": cell.contender, "seed": cell.seed, "dataset": "glyphs", "psnr": 20.0, "parameters": 5}
            plan.folders[cell].mkdir(parents=True)
            files.write_json(plan.folders[cell] / "summary.json", {**PROVENANCE, **row})
    text = outcome.write(plan, {}, [])
    assert text.splitlines()[-1].startswith("1 of 2 runs of k3 diverged: its figures are those of the others")
    assert files.read_json(tmp_path / "verdict.json")["diverged"] == {"k3": 1}
