"""Runs whose networks restored nothing are named beside the verdict and in the report."""

import dataclasses
import math

from test_report import PROVENANCE, make_result, text_of

from experiments.ablate import collapsed
from experiments.ablate.report import page


def summaries(result, mse):
    """The summaries of a grid; `mse` has the errors of some runs, the others restored well."""
    return {
        cell: {**PROVENANCE, "noisy": {"mse": 0.08}, "test": {"mse": mse.get(cell.name, 0.01)}}
        for cell in result.plan.cells
    }


def test_runs_that_restore_no_more_than_they_were_given_are_named(settings, tmp_path):
    result = make_result(settings, tmp_path, psnr=20.0)
    assert collapsed.sentences(summaries(result, {})) == []
    (line,) = collapsed.sentences(summaries(result, {"k3, seed 1": 0.09}))
    assert line.startswith(
        "k3 restored no more than it was given in 1 of 2 runs (up to a mean squared error of 0.09, noisy 0.08)"
    )
    (line,) = collapsed.sentences(summaries(result, {"nearest, seed 0": math.nan, "nearest, seed 1": 0.08}))
    assert "in 2 of 2 runs" in line
    found = dataclasses.replace(result, summaries=summaries(result, {"k3, seed 1": 0.09}))
    assert "Runs that restored nothing" in text_of(page.opening(found))


def test_other_tasks_have_no_noisy_images(settings, tmp_path):
    result = make_result(settings, tmp_path, psnr=20.0)
    assert collapsed.sentences({cell: {"task": "stack", "test": {}} for cell in result.plan.cells}) == []
