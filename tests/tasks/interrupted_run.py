"""A run that is interrupted and goes on, beside the same run without an interruption."""

import time
from typing import Any

import jax
import numpy as np
import pytest
from conftest import stopping

from aeden.data.batches import TrainBatches
from aeden.runtime.processes import Interrupted
from aeden.training.checkpoints import newest_params


def cut_and_whole(task_module, run_class, config, dataset, folder, monkeypatch) -> tuple[Any, Any]:
    """The summaries of both, whose parameters are the same to the bit. Only the interrupted one, in `cut`, draws."""
    (folder / "cut").mkdir()
    (folder / "whole").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(run_class, "_draw", lambda *_: None)
        whole = task_module.prepare(config, dataset).run(folder / "whole", time.monotonic())
    with monkeypatch.context() as patch:
        patch.setattr(task_module, "TrainBatches", stopping(TrainBatches, [(0, 4)]))
        with pytest.raises(Interrupted, match="stopped at step 5"):
            task_module.prepare(config, dataset).run(folder / "cut", time.monotonic())
    cut = task_module.prepare(config, dataset).run(folder / "cut", time.monotonic())
    mine, its = (newest_params(folder / name / "checkpoints")[1] for name in ("cut", "whole"))
    jax.tree.map(np.testing.assert_array_equal, mine, its)
    assert sorted(path.name for path in (folder / "cut").glob("*.png")) == ["curves.png", "samples.png"]
    return cut, whole
