"""Commands, each started as `python -m experiments.NAME`."""

import importlib.util
import sys

# The commands that `experiments.cli.guarded` runs, which handles signals and errors once the imports are done.
COMMANDS = ("main", "ablate", "ablate.cost", "ablate.train_together", "benchmark.seeds", "labels", "settings")
GUARDED = {f"experiments.{name}" for name in COMMANDS}

if sys.argv[:1] == ["-m"] and GUARDED & set(sys.orig_argv):
    # Such a command is starting. Before the imports, which take seconds.
    from aeden.runtime import processes, standard_streams

    standard_streams.open_closed()
    processes.leave_on_interrupt()

if importlib.util.find_spec("jax") is None:
    raise SystemExit(
        "error: aeden is not installed in this Python: ./run.sh installs it into .venv; then source .venv/bin/activate"
    )
