"""A grid from its first run to its report: what is checked before it runs."""

import os
import signal

import pytest
from test_tuning import command, finish  # noqa: F401

from aeden.runtime import processes
from experiments.ablate import grid, run


@pytest.mark.usefixtures("command")
def test_a_finished_grid_whose_fields_are_refused_since_is_reported_again(settings, tmp_path, monkeypatch):
    settings.experiment.data.name, settings.experiment.data.limit = "glyphs/digits", 64
    settings.contenders = {"nearest": {"model": {"decoder": "upsample"}}, "dense": {"model": {"architecture": "dense"}}}
    settings.experiment.model.stages, settings.seeds = 2, 1
    monkeypatch.setattr(run, "_check_data", lambda plan: None)
    reported = []

    def run_again():
        run.run_grid("a grid", settings, tmp_path, lambda plan, failures: reported.append(plan) or "the report")

    with pytest.raises(ValueError, match=r"^dense: model\.\S+=.* has no effect with model\.architecture=dense"):
        run_again()
    for cell in grid.expand(settings):
        finish(tmp_path / "runs" / cell.folder, cell.config, 20.0)
    run_again()
    assert len(reported) == 1


def test_a_signal_stops_a_grid_where_it_looks_for_one():
    with processes.stop_signals():
        run._check_stop()
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(processes.Interrupted, match="run the same command again"):
            run._check_stop()
    run._check_stop()
