"""Measurements on whole processes: limits of the machine, time to the first step, time to a given quality."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from aeden.runtime import files
from experiments.benchmark.race import start_peer

CONFIG = "--config=configs/transpose_mnist.py"
# Test BCE that aeden and Keras' example must reach, for Gaussian noise of 0.4, clipped to [0, 1].
TARGET_BCE = 0.0880
# Keras' example is stopped after this multiple of aeden's time.
PATIENCE = 5.5


def measure_machine() -> dict[str, Any]:
    """The hardware and its measured limits on all of aeden's devices.

    Returns:
      {"hardware", "gflops": float32 matrix products in GFLOP/s, "gigabytes_per_second": copies, read and written}.

    Raises:
      Absent: aeden's process failed.
    """
    worker = start_peer("aeden")
    try:
        description = worker.ask("peaks", {}, 1)["description"]
    finally:
        worker.close()
    return {name: description[name] for name in ("hardware", "gflops", "gigabytes_per_second")}


def startup(data: str) -> list[dict[str, Any]]:
    """Seconds from the start of `experiments.main` to its first step: with an empty cache, and with a filled one.

    Args:
      data: data folder; AEDEN_DATA if empty.

    Raises:
      RuntimeError: `experiments.main` failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        cache = {"AEDEN_CACHE": f"{folder}/cache"}
        first, dataset = _time_to_first_step(Path(folder) / "first", data, cache)
        again = sorted(_time_to_first_step(Path(folder) / str(i), data, cache)[0] for i in range(3))
    return [{"section": "startup", "dataset": dataset, "first_seconds": first, "again_seconds": again[1]}]


def _time_to_first_step(workdir: Path, data: str, environment: dict[str, str]) -> tuple[float, str]:
    """Seconds, and the name of the data set."""
    options = [CONFIG, "--config.epochs=0", "--config.steps=3", "--config.log_every=1", f"--workdir={workdir}"]
    began = time.perf_counter()
    process = _start_main(options, data, environment)
    while process.poll() is None and not _count_rows(workdir / "metrics.csv"):
        time.sleep(0.01)
    seconds = time.perf_counter() - began
    _wait(process)
    return seconds, files.read_json(workdir / "summary.json")["dataset"]


def time_to_quality(data: str) -> list[dict[str, Any]]:
    """Seconds from the start of the process to a test BCE of `TARGET_BCE`, for aeden and for Keras' example.

    For aeden this is the complete published run, without the preparation of the data. Keras' example is stopped after
    `PATIENCE` times aeden's time.

    Args:
      data: data folder; AEDEN_DATA if empty.

    Raises:
      RuntimeError: `experiments.main` failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        workdir = Path(folder) / "run"
        _wait(_start_main([CONFIG, "--config.steps=1", "--config.epochs=0", f"--workdir={folder}/warm"], data, {}))
        began = time.perf_counter()
        _wait(_start_main([CONFIG, f"--workdir={workdir}"], data, {}))
        seconds = time.perf_counter() - began
        summary = files.read_json(workdir / "summary.json")
    return [
        {
            "section": "quality",
            "target_bce": TARGET_BCE,
            "dataset": summary["dataset"],
            "aeden": {"seconds": seconds, "bce": summary["test"]["bce"], "epochs": summary["epochs"]},
            "keras_published": _keras_example(50, PATIENCE * seconds, data),
            "keras_noisy_only": _keras_example(0, PATIENCE * seconds, data),
        }
    ]


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


def _start_main(options: list[str], data: str, environment: dict[str, str]) -> subprocess.Popen[str]:
    """Starts `experiments.main`."""
    if data:
        options = [*options, f"--config.data.dir={data}"]
    return subprocess.Popen(
        [sys.executable, "-m", "experiments.main", *options],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _wait(process: subprocess.Popen[str]) -> None:
    if process.wait():
        assert isinstance(process.args, list)
        raise RuntimeError(f"this command failed, run it to see why: {shlex.join(process.args)}")


def _count_rows(path: Path) -> int:
    """Data rows of a CSV file; 0 if there is no such file."""
    return path.read_text().count("\n") - 1 if path.exists() and path.stat().st_size else 0
