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

import logging  # noqa: E402 (the process starts anew above, before anything is imported)
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from absl import flags  # noqa: E402
from ml_collections import config_flags  # noqa: E402

from aeden import build, cache, denoising, parallel, runs, stacked  # noqa: E402
from aeden.data import sources  # noqa: E402
from aeden.train import Interrupted  # noqa: E402

TASKS: dict[str, Any] = {"denoise": denoising, "stack": stacked}

CONFIG = config_flags.DEFINE_config_file("config", None, "The experiment, a file of configs/.")
WORKDIR = flags.DEFINE_string("workdir", None, "The run folder; runs/<config name> by default.")
DEBUG = flags.DEFINE_bool("debug", False, "Show where an error comes from.")
DEVICES = flags.DEFINE_integer("cpu_devices", 0, "XLA devices to make of the CPU; 0 for about one a core.")
COMPILATION_CACHE = flags.DEFINE_bool("compilation_cache", True, "Keep compiled programs for the next start.")
COORDINATOR = flags.DEFINE_string("coordinator", None, "host:port of process 0, for a run of several processes.")
PROCESSES = flags.DEFINE_integer("processes", None, "Number of processes of the run.")
PROCESS = flags.DEFINE_integer("process", None, "Number of this process, from 0.")


def main() -> int:
    """Runs one experiment and returns the exit status."""
    if "--debug" not in sys.argv:
        # A failed write is told below, in one line; Orbax' threads and log would print pages about it.
        sys.unraisablehook = lambda _: None
        for name in ("absl", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        _parse()
        _experiment(CONFIG.value, Path(WORKDIR.value or _default_workdir()))
        return 0
    except Interrupted as stop:
        print(stop, file=sys.stderr)
        return 130
    except KeyboardInterrupt:
        print("interrupted: run the same command again to go on from the last checkpoint", file=sys.stderr)
        return 130
    except Exception as error:
        if "--debug" in sys.argv:
            raise
        print(f"error: {_one_line(error)}", file=sys.stderr)
        return 1


def _parse() -> None:
    rest = flags.FLAGS(sys.argv)[1:]
    if rest:
        raise ValueError(f"unexpected argument {rest[0]!r}: options look like --config.epochs=3")
    if CONFIG.value is None:
        raise ValueError("name an experiment: --config=configs/transpose_mnist.py")


def _default_workdir() -> str:
    return f"runs/{Path(config_flags.get_config_filename(flags.FLAGS['config'])).stem}"


def _experiment(config: Any, workdir: Path) -> None:
    programs = cache.cache_folder() / "xla" if COMPILATION_CACHE.value else None
    if COORDINATOR.value:
        parallel.join_processes(COORDINATOR.value, PROCESSES.value or 0, PROCESS.value or 0)
    if config.task not in TASKS:
        raise ValueError(f"unknown task {config.task!r}: use one of {', '.join(TASKS)}")
    parallel.configure(config.batch_size, programs, DEVICES.value or build.cpu_devices(config))
    with runs.locked(workdir, parallel.is_primary()):
        runs.check_config(workdir, config.to_dict())
        summary = runs.finished(workdir)
        if summary is None or summary["dataset"] != summary["requested_dataset"]:
            dataset = sources.open_dataset(config.data.name, config.data.dir, config.data.fallback, config.data.limit)
            runs.claim(workdir, config.to_dict(), dataset.identity(), parallel.is_primary())
            sources.announce(dataset)
        if summary is None:
            print(_opening(config, dataset), file=sys.stderr)
            summary = TASKS[config.task].run(config, dataset, workdir, _STARTED)
            if parallel.is_primary():
                runs.write_json(workdir / "summary.json", summary)
        else:
            print("this run is finished; nothing is done. To train again, choose another --workdir")
    if parallel.is_primary():
        print(_closing(summary))
        print(f"run: {workdir}")


def _opening(config: Any, dataset: sources.Dataset) -> str:
    hardware = runs.hardware()
    return (
        f"{TASKS[config.task].opening(config)} on {dataset.name}: {len(dataset.train):,} images to train on, "
        f"{len(dataset.validation):,} to validate, {len(dataset.test):,} to test; "
        f"{hardware['devices']} {hardware['platform']} device{'s' if hardware['devices'] > 1 else ''}"
    )


def _closing(summary: dict[str, Any]) -> str:
    data = summary["dataset"]
    if data != summary["requested_dataset"]:
        data += f" (NOT {summary['requested_dataset']})"
    what = f"{summary['decoder']} decoder" if summary["task"] == "denoise" else f"stack ({summary['decoder']})"
    lines = [f"{data}, {what}, {summary['parameters']:,} parameters, test split:"]
    lines += TASKS[summary["task"]].closing(summary)
    rate = f", {summary['images_per_second']:.0f} images/s" if summary["images_per_second"] else ""
    return "\n".join([*lines, f"  {summary['steps']} steps in {summary['wall_seconds']:.0f} s{rate}"])


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    expected = (ValueError, AttributeError, OSError, ArithmeticError, runs.RunFolderError, flags.Error)
    if isinstance(error, expected):
        return text
    return f"unexpected {type(error).__name__}: {text} (--debug shows where)"


if __name__ == "__main__":
    sys.exit(main())
