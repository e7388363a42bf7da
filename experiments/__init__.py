"""Commands, each started as `python -m experiments.NAME`."""

import importlib.util
import sys

if sys.argv[:1] == ["-m"]:
    # A command is starting. Before the imports, which take seconds.
    from aeden.runtime import processes, standard_streams

    standard_streams.open_closed()
    processes.leave_on_interrupt()

if importlib.util.find_spec("jax") is None:
    raise SystemExit(
        "error: aeden is not installed in this Python: ./run.sh installs it into .venv; then source .venv/bin/activate"
    )
