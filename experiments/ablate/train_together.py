"""Trains several seeds of an experiment in one program, each in its own run folder, up to its last checkpoint.

    python -m experiments.ablate.train_together --config=configs/smoke.py --run=0:runs/s0 --run=1:runs/s1

`experiments.main` with the same config, seed and folder then tests each run and writes its summary. `experiments.ablate
--together=N` starts both.
"""

from __future__ import annotations

import time

from aeden.runtime import malloc

_STARTED = time.monotonic()
if __name__ == "__main__":
    malloc.restart_tuned()

from pathlib import Path  # noqa: E402 (the process restarts above, before anything is imported)

from absl import flags  # noqa: E402

from aeden.tasks import execute_together  # noqa: E402
from experiments import cli  # noqa: E402

# A set of flags of its own: other commands are imported into the same process by tests.
FLAGS = flags.FlagValues()
RUNS = flags.DEFINE_multi_string("run", [], "SEED:FOLDER of each run.", flag_values=FLAGS)


def runs_of(values: list[str]) -> dict[int, Path]:
    """Seed -> run folder.

    Raises:
      ValueError: a value is not SEED:FOLDER, or there are not at least two different seeds.
    """
    runs: dict[int, Path] = {}
    for value in values:
        seed, colon, folder = value.partition(":")
        if not (colon and folder and seed.isdecimal()):
            raise ValueError(f"--run={value}: use SEED:FOLDER, for example --run=0:runs/seed0")
        runs[int(seed)] = Path(folder)
    if len(runs) < 2 or len(set(runs.values())) < len(values):
        raise ValueError("name two or more runs of different seeds in different folders: --run=SEED:FOLDER")
    return runs


def main() -> None:
    """Trains the runs and prints what happened, in a line."""
    runs, configs = runs_of(RUNS.value), []
    for seed in runs:
        config = cli.CONFIG.value.copy_and_resolve_references()
        config.seed = seed
        configs.append(config)
    execute_together.check_task(configs[0])
    cli.set_up(configs[0])
    print(execute_together.train(configs, cli.defaults(), list(runs.values()), _STARTED), flush=True)


if __name__ == "__main__":
    # The command takes its own flags and those of `experiments.cli`.
    flags.FLAGS.append_flag_values(FLAGS)
    FLAGS.mark_as_parsed()
    cli.leave(cli.guarded(main))
