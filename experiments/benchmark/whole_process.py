"""What is measured on whole processes: the machine's limits, the time to a first step, the time to a quality."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from aeden.runtime import files
from experiments.benchmark.race import Worker

CONFIG = "--config=configs/transpose_mnist.py"
# The test BCE that both sides are to reach: noise of 0.4, clipped.
TARGET_BCE = 0.0880
# Keras' example is given up after so many times aeden's time.
PATIENCE = 5.5


def hardware_and_peaks() -> dict[str, Any]:
    """The machine, and its measured limits: float32 matrix products and copies, on all of aeden's devices."""
    worker = Worker("aeden")
    description = worker.ask("peaks", {}, 1)["description"]
    worker.close()
    return {
        "hardware": description["hardware"],
        "gflops": description["gflops"],
        "gigabytes_per_second": description["gigabytes_per_second"],
    }


def startup(data: str) -> list[dict[str, Any]]:
    """Seconds from the start of `experiments.main` to its first step, with an empty cache and again."""
    with tempfile.TemporaryDirectory() as folder:
        cache = {"AEDEN_CACHE": f"{folder}/cache"}
        first, dataset = _to_first_step(Path(folder) / "first", data, cache)
        again = sorted(_to_first_step(Path(folder) / str(i), data, cache)[0] for i in range(3))
    return [{"section": "startup", "dataset": dataset, "first_seconds": first, "again_seconds": again[1]}]


def _to_first_step(workdir: Path, data: str, environment: dict[str, str]) -> tuple[float, str]:
    options = [CONFIG, "--config.epochs=0", "--config.steps=3", "--config.log_every=1", f"--workdir={workdir}"]
    began = time.perf_counter()
    process = _main(options, data, environment)
    while process.poll() is None and not _rows(workdir / "metrics.csv"):
        time.sleep(0.01)
    seconds = time.perf_counter() - began
    if process.wait():
        raise RuntimeError("experiments.main failed: see above")
    return seconds, files.read_json(workdir / "summary.json")["dataset"]


def time_to_quality(data: str) -> list[dict[str, Any]]:
    """Wall-clock from the start of the process until the test BCE is at most 0.0880, of aeden and of Keras' example.

    aeden's is the whole published run, preparation of the data left out. Keras' is stopped after `PATIENCE` times as
    long.
    """
    with tempfile.TemporaryDirectory() as folder:
        workdir = Path(folder) / "run"
        if _main([CONFIG, "--config.steps=1", "--config.epochs=0", f"--workdir={folder}/warm"], data, {}).wait():
            raise RuntimeError("experiments.main failed: see above")
        began = time.perf_counter()
        _main([CONFIG, f"--workdir={workdir}"], data, {}).wait()
        ours = time.perf_counter() - began
        summary = files.read_json(workdir / "summary.json")
    result = {
        "section": "quality",
        "target_bce": TARGET_BCE,
        "dataset": summary["dataset"],
        "aeden": {"seconds": ours, "bce": summary["test"]["bce"], "epochs": summary["epochs"]},
    }
    for name, clean_epochs in (("keras_published", 50), ("keras_noisy_only", 0)):
        command = [
            sys.executable,
            "-m",
            "experiments.benchmark.peers.keras_example",
            str(clean_epochs),
            str(TARGET_BCE),
            str(PATIENCE * ours),
            data,
        ]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        answers = done.stdout.strip().splitlines()
        result[name] = json.loads(answers[-1]) if answers and not done.returncode else {"absent": "it failed"}
    return [result]


def _main(options: list[str], data: str, environment: dict[str, str]) -> subprocess.Popen[str]:
    if data:
        options = [*options, f"--config.data.dir={data}"]
    return subprocess.Popen(
        [sys.executable, "-m", "experiments.main", *options],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _rows(path: Path) -> int:
    return path.read_text().count("\n") - 1 if path.exists() and path.stat().st_size else 0
