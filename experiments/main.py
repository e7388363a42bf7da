"""Trains, evaluates and reports one experiment.

    python -m experiments.main --config=configs/transpose_mnist.py [--config.FIELD=VALUE ...] [--workdir=FOLDER]

The same command again continues an interrupted run, and does nothing to a finished one.
"""

from __future__ import annotations

import time

from aeden.runtime import malloc

_STARTED = time.monotonic()
if __name__ == "__main__":
    malloc.restart_tuned()

from pathlib import Path  # noqa: E402 (the process restarts above, before anything is imported)

from aeden.runtime import devices  # noqa: E402
from aeden.tasks import execute  # noqa: E402
from experiments import cli  # noqa: E402


def main() -> None:
    """Runs one experiment and prints its results."""
    config, workdir = cli.CONFIG.value, Path(cli.WORKDIR.value or f"runs/{cli.config_name()}")
    cli.set_up(config, joins=True)
    summary, finished = execute.execute(config, cli.defaults(), workdir, _STARTED)
    if finished and devices.is_primary():
        print("this run is finished; nothing is done. To train again, choose another --workdir")
    if devices.is_primary():
        print(execute.closing(summary))
        print(f"run: {workdir}")


if __name__ == "__main__":
    cli.leave(cli.guarded(main))
