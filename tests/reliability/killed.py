"""Runs and grids that are killed at random moments."""

from __future__ import annotations

import csv
import random
import time
from pathlib import Path

from tests.reliability.processes import assert_same, end, last_line, make, send, start, team, uninterrupted, wait
from tests.reliability.scenario import Broken, Scenario

KILLS = 20
GRID = """
from configs import smoke
from configs.ablations import grid_base

def get_config():
    config = grid_base.get_config()
    config.experiment = smoke.get_config()
    config.contenders.nearest = {"model": {"decoder": "upsample"}}
    config.contenders.k3 = {"model": {"decoder": "transpose"}}
    config.seeds = 2
    config.reference = "nearest"
    config.baselines = config.costs = False
    return config
"""
# Of results.csv: how long a run took is not the same twice.
TIMES = {"wall_seconds", "seconds", "images_per_second"}


def killed_run(folder: Path, dice: random.Random) -> None:
    """Runs are killed at any moment between their start and their end, and go on; those that end are compared."""
    kills = number = 0
    while kills < KILLS:
        run = folder / f"run{number}"
        processes = team(1, run)
        time.sleep(dice.uniform(2, 14))
        if processes[0].poll() is None:
            end(processes)
            kills += 1
        else:
            assert_same(run, uninterrupted(1))
            number += 1
    make(1, run)
    assert_same(run, uninterrupted(1))


def killed_grid(folder: Path, dice: random.Random) -> None:
    """A grid is killed at any moment, then goes on."""
    (folder / "grid.py").write_text(GRID)

    def grid(name: str):
        return start("experiments.ablate", f"--config={folder / 'grid.py'}", f"--workdir={folder / name}", "--jobs=2")

    for _ in range(4):
        process = grid("killed")
        time.sleep(dice.uniform(4, 30))
        if process.poll() is not None:
            break
        send(process, "SIGKILL")
        wait([process])
    for name in ("killed", "whole"):
        process = grid(name)
        if wait([process]) != [0]:
            raise Broken(f"the grid failed: {last_line(process)[:200]}")
    ours, its = (_rows(folder / name / "results.csv") for name in ("killed", "whole"))
    if ours != its:
        raise Broken("results.csv differs from that of the uninterrupted grid")


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return [{name: value for name, value in row.items() if name not in TIMES} for row in csv.DictReader(file)]


def scenarios() -> list[Scenario]:
    """All of them."""
    same = "bit for bit the uninterrupted"
    return [
        Scenario("killed_run", f"SIGKILL at {KILLS} random moments of runs", f"{same} run", 1, killed_run),
        Scenario("killed_grid", "SIGKILL at random moments of a grid, 4 times", f"{same} table", 5, killed_grid),
    ]
