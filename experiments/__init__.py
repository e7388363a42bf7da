"""Commands, each started as `python -m experiments.NAME`."""

import importlib.util

if importlib.util.find_spec("jax") is None:
    raise SystemExit(
        "error: aeden is not installed in this Python: ./run.sh installs it into .venv; then source .venv/bin/activate"
    )
