"""Measurements on whole processes: limits of the machine, time to the first step, time to a given quality."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from aeden.runtime import files
from experiments.benchmark.commands import Command, time_command
from experiments.benchmark.libraries import PEERS
from experiments.benchmark.peers import Absent

CONFIG = "--config=configs/transpose_mnist.py"
# Test BCE that aeden and Keras' example must reach, for Gaussian noise of 0.4, clipped to [0, 1].
TARGET_BCE = 0.0880
# Keras' example is stopped after this multiple of aeden's time.
PATIENCE = 5.5


def measure_machine() -> dict[str, Any]:
    """The hardware and its measured limits on all of aeden's devices.

    Returns:
      {"hardware", "gflops": float32 matrix products in GFLOP/s, "gflops_by_precision": the same in other precisions,
      "gigabytes_per_second": copies, read and written}. If the limits cannot be measured, they are None, and
      "limits_absent" gives the reason.

    Raises:
      Absent: aeden's process does not even name its hardware.
    """
    worker = PEERS["aeden"].start()
    try:
        hardware = worker.ask("hardware", {}, 1)["description"]["hardware"]
        names = ("gflops", "gflops_by_precision", "gigabytes_per_second")
        try:
            description = worker.ask("peaks", {}, 1)["description"]
            limits = {name: description[name] for name in names}
        except Absent as reason:
            limits = {**dict.fromkeys(names), "limits_absent": str(reason)}
    finally:
        worker.close()
    return {"hardware": hardware, **limits}


def startup(data: str) -> dict[str, Any]:
    """Seconds from the start of `experiments.main` to its first step: with an empty cache, and with a filled one.

    Args:
      data: data folder; AEDEN_DATA if empty.
    """
    with tempfile.TemporaryDirectory() as folder:
        cache = {"AEDEN_CACHE": f"{folder}/cache"}
        try:
            first, dataset = _time_to_first_step(Path(folder) / "first", data, cache)
            again = sorted(_time_to_first_step(Path(folder) / str(i), data, cache)[0] for i in range(3))
        except Absent as reason:
            return {"section": "startup", "absent": str(reason)}
    return {"section": "startup", "dataset": dataset, "first_seconds": first, "again_seconds": again[1]}


def _time_to_first_step(workdir: Path, data: str, environment: dict[str, str]) -> tuple[float, str]:
    """Seconds, and the name of the data set."""
    options = [CONFIG, "--config.epochs=0", "--config.steps=3", "--config.log_every=1", f"--workdir={workdir}"]
    rows = workdir / "metrics.csv"
    seconds = time_command(main_command(options, data, environment), lambda: _count_rows(rows) > 0)
    return seconds, files.read_json(workdir / "summary.json")["dataset"]


def time_to_quality(data: str) -> dict[str, Any]:
    """Seconds from the start of the process to a test BCE of `TARGET_BCE`, for aeden and for Keras' example.

    For aeden this is the complete published run, without the preparation of the data. Keras' example is stopped after
    `PATIENCE` times aeden's time, and is not run if aeden failed.

    Args:
      data: data folder; AEDEN_DATA if empty.
    """
    result: dict[str, Any] = {"section": "quality", "target_bce": TARGET_BCE}
    with tempfile.TemporaryDirectory() as folder:
        workdir = Path(folder) / "run"
        try:
            first = [CONFIG, "--config.steps=1", "--config.epochs=0", f"--workdir={folder}/warm"]
            time_command(main_command(first, data))
            seconds = time_command(main_command([CONFIG, f"--workdir={workdir}"], data))
        except Absent as reason:
            return {**result, "aeden": {"absent": str(reason)}}
        summary = files.read_json(workdir / "summary.json")
    return {
        **result,
        "dataset": summary["dataset"],
        "aeden": {"seconds": seconds, "bce": summary["test"]["bce"], "epochs": summary["epochs"]},
        "keras_published": _keras_example(50, PATIENCE * seconds, data),
        "keras_noisy_only": _keras_example(0, PATIENCE * seconds, data),
    }


def _keras_example(clean_epochs: int, limit: float, data: str) -> dict[str, Any]:
    """Result of `peers.keras_example` with a time limit in seconds."""
    module = "experiments.benchmark.peers.keras_example"
    done = subprocess.run(
        [sys.executable, "-m", module, str(clean_epochs), str(TARGET_BCE), str(limit), data],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    lines = done.stdout.strip().splitlines()
    return json.loads(lines[-1]) if lines and not done.returncode else {"absent": "it failed"}


def main_command(options: list[str], data: str, environment: dict[str, str] | None = None) -> Command:
    """`experiments.main` with some options.

    Args:
      options: its options.
      data: data folder; AEDEN_DATA if empty.
      environment: environment variables.
    """
    more = [f"--config.data.dir={data}"] if data else []
    return Command("experiments.main", [*options, *more], environment or {})


def _count_rows(path: Path) -> int:
    """Data rows of a CSV file; 0 if there is no such file."""
    return path.read_text().count("\n") - 1 if path.exists() and path.stat().st_size else 0
