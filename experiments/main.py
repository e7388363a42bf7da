"""Trains, evaluates and reports one experiment.

    python -m experiments.main --config=configs/transpose_mnist.py [--config.FIELD=VALUE ...] [--workdir=FOLDER]

The same command again continues an interrupted run, and does nothing to a finished one.
"""

from __future__ import annotations

import sys
import time

from aeden import allocator

_STARTED = time.monotonic()
if __name__ == "__main__":
    allocator.restart_tuned()

from pathlib import Path  # noqa: E402 (the process starts anew above, before anything is imported)

from aeden import parallel  # noqa: E402
from experiments import command  # noqa: E402


def main() -> None:
    """Runs one experiment and prints what it showed."""
    config, workdir = command.CONFIG.value, Path(command.WORKDIR.value or f"runs/{command.config_name()}")
    command.set_up(config)
    summary, finished = command.execute(config, workdir, _STARTED)
    if finished:
        print("this run is finished; nothing is done. To train again, choose another --workdir")
    if parallel.is_primary():
        print(command.closing(summary))
        print(f"run: {workdir}")


if __name__ == "__main__":
    sys.exit(command.guarded(main))
