"""Whole runs and whole grids, from the start of the process to its end, of aeden and of a plain PyTorch script.

The first time of each contender begins with empty caches (aeden's, and torch.compile's) and is recorded by itself. The
rounds that follow use these caches, as further runs of a user do.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from experiments.benchmark.commands import Command, time_command
from experiments.benchmark.peers import Absent
from experiments.benchmark.race import shuffled
from experiments.benchmark.whole_process import CONFIG

ROUNDS = 3
SCRIPT = "experiments.benchmark.peers.plain_pytorch"
RUN = {"what": "run", "decoders": ("transpose",), "seeds": 1, "epochs": 3}
GRID = {"what": "grid", "decoders": ("upsample", "transpose"), "seeds": 2, "epochs": 1}
CONTENDERS = ("aeden", "PyTorch (plain script)", "PyTorch (plain script, compiled)")


def whole(data: str, contenders: Sequence[str], rounds: int, seed: int, show: Callable[[str], object]) -> list[Any]:
    """The results of the section `whole`.

    Args:
      data: data folder with MNIST; AEDEN_DATA if empty.
      contenders: of `CONTENDERS`.
      rounds: after the first time.
      seed: of the order of the contenders.
      show: receives one line about what is being done.
    """
    results = []
    for settings in (RUN, GRID):
        with tempfile.TemporaryDirectory() as folder:
            commands = {name: make_command(name, settings, data, Path(folder)) for name in contenders}
            results.append(
                {"section": "whole", "settings": settings, "contenders": race(commands, settings, rounds, seed, show)}
            )
    return results


def make_command(name: str, settings: dict[str, Any], data: str, folder: Path) -> Callable[[int], Command]:
    """Makes the command of a contender: number of the round -> command. Each round has a folder of its own.

    Args:
      name: of `CONTENDERS`.
      settings: `RUN` or `GRID`.
      data: data folder; AEDEN_DATA if empty.
      folder: for caches and results.
    """
    if name == "aeden":
        return lambda number: _aeden(settings, data, folder, folder / f"aeden-{number}")
    mode = "compiled" if "compiled" in name else "eager"
    decoders, seeds, epochs = settings["decoders"], settings["seeds"], settings["epochs"]
    cache = {"TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor")}

    def command(number: int) -> Command:
        out = folder / f"{mode}-{number}"
        options = [str(out), f"--decoders={','.join(decoders)}", f"--seeds={seeds}", f"--epochs={epochs}"]
        return Command(SCRIPT, [*options, f"--mode={mode}", *([f"--data={data}"] if data else [])], cache)

    return command


def _aeden(settings: dict[str, Any], data: str, folder: Path, workdir: Path) -> Command:
    # For a grid these are fields of the experiment that its runs share.
    prefix = "--config." if settings["what"] == "run" else "--config.experiment."
    options = [f"{prefix}epochs={settings['epochs']}.0", f"{prefix}data.fallback=", f"--workdir={workdir}"]
    options += [f"{prefix}data.dir={data}"] if data else []
    environment = {"AEDEN_CACHE": str(folder / "cache")}
    if settings["what"] == "run":
        return Command("experiments.main", [CONFIG, *options], environment)
    grid = ["--config=configs/ablations/quick.py", f"--config.seeds={settings['seeds']}"]
    grid += ["--config.baselines=False", "--config.costs=False", "--config.experiment.data.limit=0"]
    return Command("experiments.ablate", [*grid, *options], environment)


def race(
    commands: dict[str, Callable[[int], Command]],
    settings: dict[str, Any],
    rounds: int,
    seed: int,
    show: Callable[[str], object],
) -> list[dict[str, Any]]:
    """Times commands: each once with empty caches, then in turn.

    Returns:
      Per contender {"name", "first_seconds", "seconds_a_step": one value per round, "median_seconds"}, or {"name",
      "absent": reason} if its command failed once.
    """
    first: dict[str, float] = {}
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    absent: dict[str, str] = {}
    for number, order in enumerate([list(commands), *shuffled(list(commands), rounds, seed, "whole", settings)]):
        for name in order:
            if name in absent:
                continue
            show(f"{settings['what']}, {f'round {number} of {rounds}' if number else 'first time'}: {name}")
            try:
                took = time_command(commands[name](number))
            except Absent as reason:
                absent[name] = str(reason)
                continue
            if number:
                seconds[name].append(took)
            else:
                first[name] = took
    return [
        {"name": name, "absent": absent[name]}
        if name in absent
        else {
            "name": name,
            "first_seconds": first[name],
            "seconds_a_step": seconds[name],
            "median_seconds": statistics.median(seconds[name]),
        }
        for name in commands
    ]
