"""Runs a grid of experiments and compares its contenders, seed by seed.

    python -m experiments.ablate --config=configs/ablations/gans_mnist.py [--jobs=N] [--launcher=local|slurm]

Every run is one of `experiments.main`, in a folder and a process of its own. The same command again runs what is not
finished and continues what was interrupted. A run that fails is listed, and the others go on without it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from absl import flags
from ml_collections import ConfigDict, config_flags

from aeden.runtime.identity import flatten
from experiments import cli
from experiments.ablate import outcome
from experiments.ablate.run import run_grid

# Fields that change nothing that a config's note may say of its results.
NOT_IN_A_NOTE = {"experiment.data.dir", "experiment.data.fallback", "baselines", "costs", "seeds"}


def config_arguments(flag: Any) -> list[str]:
    """The options that choose the same config as a config flag that was parsed, however it was spelled."""
    overrides = config_flags.get_override_values(flag)
    values = {name: value.to_dict() if isinstance(value, ConfigDict) else value for name, value in overrides.items()}
    path = config_flags.get_config_filename(flag)
    return [f"--config={path}", *(f"--config.{name}={value}" for name, value in values.items())]


def apply_note(settings: Any, path: str) -> None:
    """Clears the note of a grid that options have changed: the note is about the grid as its file has it.

    Args:
      settings: the config of the grid.
      path: see `cli.changed_fields`.
    """
    changed = cli.changed_fields(settings, path)
    # A note that is given as an option is about this grid.
    if "note" not in changed and not changed <= NOT_IN_A_NOTE:
        settings.note = ""


def check_options(settings: Any, names: Iterable[str]) -> None:
    """Refuses options that would change nothing.

    Args:
      settings: the config of the grid, with the options.
      names: the fields that options set, dotted.

    Raises:
      ValueError: naming the field, and what overrides it.
    """
    owners = [set(flatten(fields)) for fields in settings.contenders.to_dict().values()]
    for name in names:
        field = name.removeprefix("experiment.")
        tunes = name.startswith("tuning.") and not name.startswith("tuning.fields")
        if tunes and not flatten(settings.tuning.fields.to_dict()):
            raise ValueError(f"{name} has no effect: the grid tunes nothing; name the fields in tuning.fields")
        if name != field and owners and all(field in own for own in owners):
            raise ValueError(f"{name} has no effect: every contender sets {field} itself; set contenders")
        if name != field and field in flatten(settings.axes.to_dict()):
            raise ValueError(f"{name} has no effect: the grid has an axis of {field}; set axes")


def main() -> None:
    """Runs the grid and prints its tables and verdict."""
    if "contenders" not in cli.CONFIG.value:
        raise ValueError(f"{cli.config_path()} is one experiment, not a grid: use python -m experiments.main")
    check_options(cli.CONFIG.value, config_flags.get_override_values(flags.FLAGS["config"]))
    apply_note(cli.CONFIG.value, cli.config_path())
    workdir = Path(cli.WORKDIR.value or f"runs/ablations/{cli.config_name()}")
    arguments = config_arguments(flags.FLAGS["config"])
    run_grid(
        cli.config_name(), cli.CONFIG.value, workdir, lambda plan, failures: outcome.write(plan, failures, arguments)
    )


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
