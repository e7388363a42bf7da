"""Runs a grid of experiments and compares its contenders, seed by seed.

    python -m experiments.ablate --config=configs/ablations/gans_mnist.py [--jobs=N] [--launcher=local|slurm]

Every run is one of `experiments.main`, in a folder and a process of its own. The same command again runs what is not
finished and continues what was interrupted. A run that fails is listed, and the others go on without it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from absl import flags
from ml_collections import ConfigDict, config_flags

from experiments import cli
from experiments.ablate import outcome
from experiments.ablate.run import run_grid


def config_arguments(flag: Any) -> list[str]:
    """The options that choose the same config as a config flag that was parsed, however it was spelled."""
    overrides = config_flags.get_override_values(flag)
    values = {name: value.to_dict() if isinstance(value, ConfigDict) else value for name, value in overrides.items()}
    path = config_flags.get_config_filename(flag)
    return [f"--config={path}", *(f"--config.{name}={value}" for name, value in values.items())]


def main() -> None:
    """Runs the grid and prints its tables and verdict."""
    workdir = Path(cli.WORKDIR.value or f"runs/ablations/{cli.config_name()}")
    arguments = config_arguments(flags.FLAGS["config"])
    run_grid(
        cli.config_name(), cli.CONFIG.value, workdir, lambda plan, failures: outcome.write(plan, failures, arguments)
    )


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
