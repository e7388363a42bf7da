"""How many labels does it take? Logistic regression, pre-training and random initialisation by label budget.

    python -m experiments.labels --config=configs/stacked_mnist.py [--budgets=100,1000,10000,0] [--seeds=3]

For every seed it pre-trains the config's stack once on the training images without their labels. Then, for each budget
of labels (0 is all of them), it trains

    pixels    logistic regression on the images themselves
    frozen    logistic regression on the pre-trained code
    random    the whole network, from random parameters
    finetune  the whole network, from the pre-trained ones

all on the same labelled images under the same seed, as many of each class. Every cell is a run of `experiments.main`
in a folder of its own; the same command again goes on where it was stopped. What comes out is `labels.md`,
`labels.json`, `labels.csv` and `labels.png`.
"""

from __future__ import annotations

import sys
import time

from aeden.runtime import malloc

if __name__ == "__main__":
    malloc.restart_tuned()

from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from aeden.measures.paired_statistics import PairedDifference, paired_difference
from aeden.plots import classes
from aeden.runtime import devices, files, provenance
from aeden.tasks import execute
from experiments import cli

BUDGETS = flags.DEFINE_list("budgets", ["100", "1000", "10000", "0"], "Numbers of labels; 0 for all.")
SEEDS = flags.DEFINE_integer("seeds", 3, "How many seeds, from the config's on.")
LEAST_STEPS = flags.DEFINE_integer(
    "least_steps", 1000, "Steps of a training at least, where the config's epochs are fewer."
)

METHODS = {
    "pixels": "logistic regression on pixels",
    "frozen": "logistic regression on the frozen code",
    "random": "fine-tuned from random initialisation",
    "finetune": "fine-tuned from pre-training",
}
Cell = dict[str, Any]


def cell_config(config: Any, seed: int, budget: int, method: str, pretrained: Path) -> Any:
    """The experiment of one cell.

    Logistic regression sees neither noise nor dropout, which would only blur it.
    """
    cell = config.copy_and_resolve_references()
    cell.seed, cell.stack.labels, cell.stack.embedding = seed, budget, "none"
    cell.stack.head = "finetune" if method == "random" else method
    cell.stack.unroll_epochs = 0.0
    if method in ("random", "pixels"):
        cell.stack.pretrain_epochs, cell.stack.pretrained = 0.0, ""
    else:
        cell.stack.pretrained = str(pretrained)
    if method in ("pixels", "frozen"):
        cell.stack.head_noise, cell.stack.dropout, cell.stack.label_smoothing = 0.0, 0.0, 0.0
    if not cell.steps and 0 < budget * cell.epochs / cell.batch_size < LEAST_STEPS.value:
        cell.steps, cell.epochs = LEAST_STEPS.value, 0.0
    # Nobody reads a small run's progress, and each validation writes a checkpoint.
    cell.eval.every = 1_000_000
    return cell


def run_cells(config: Any, budgets: list[int], workdir: Path) -> list[Cell]:
    """Runs what is not finished yet; returns a record a run."""
    seeds = range(config.seed, config.seed + SEEDS.value)
    cells: list[Cell] = []
    total = len(seeds) * len(budgets) * len(METHODS)
    for seed in seeds:
        pretrained = workdir / f"seed{seed}" / "pretrained"
        pretraining = config.copy_and_resolve_references()
        pretraining.seed, pretraining.stack.head, pretraining.stack.embedding = seed, "none", "none"
        execute.execute(pretraining, pretrained, time.monotonic())
        for budget in budgets:
            for method in METHODS:
                cell = cell_config(config, seed, budget, method, pretrained)
                folder = workdir / f"seed{seed}" / f"{budget or 'all'}-{method}"
                summary, _ = execute.execute(cell, folder, time.monotonic())
                cells.append(
                    {
                        "seed": seed,
                        "budget": budget,
                        "labels": summary["labels"],
                        "method": method,
                        "accuracy": summary["test"]["accuracy"],
                        "cross_entropy": summary["test"]["cross_entropy"],
                        "steps": summary["steps"],
                        "wall_seconds": summary["wall_seconds"],
                        "dataset": summary["dataset"],
                        "folder": str(folder),
                    }
                )
                _tell(
                    f"[{len(cells)}/{total}] seed {seed}, {summary['labels']:,} labels, {METHODS[method]}: "
                    f"{summary['test']['accuracy']:.2%}"
                )
    return cells


def _tell(text: str) -> None:
    if devices.is_primary():
        print(text, file=sys.stderr, flush=True)


def accuracies(cells: list[Cell], budget: int, method: str) -> list[float]:
    """Test accuracy by seed."""
    return [cell["accuracy"] for cell in cells if (cell["budget"], cell["method"]) == (budget, method)]


def gains(cells: list[Cell], budgets: list[int]) -> dict[int, PairedDifference]:
    """By budget: accuracy from pre-training minus that from random initialisation, seed by seed."""
    return {
        budget: paired_difference(accuracies(cells, budget, "finetune"), accuracies(cells, budget, "random"))
        for budget in budgets
    }


def table(cells: list[Cell], budgets: list[int]) -> str:
    """Mean and standard deviation over seeds, and what pre-training adds, as Markdown."""
    names = [f"{max(cell['labels'] for cell in cells if cell['budget'] == budget):,}" for budget in budgets]
    lines = [
        f"| test accuracy, % | {' | '.join(f'{name} labels' for name in names)} |",
        "|---" * (len(names) + 1) + "|",
    ]
    for method, name in METHODS.items():
        shown = []
        for budget in budgets:
            values = 100 * np.array(accuracies(cells, budget, method))
            spread = f" ± {values.std(ddof=1):.2f}" if len(values) > 1 else ""
            shown.append(f"{values.mean():.2f}{spread}")
        lines.append(f"| {name} | {' | '.join(shown)} |")
    shown = [
        f"{100 * gain.mean:+.2f} [{100 * gain.low:+.2f}, {100 * gain.high:+.2f}]: {verdict(gain)}"
        for gain in gains(cells, budgets).values()
    ]
    lines.append(f"| what pre-training adds, 95 % interval over paired seeds | {' | '.join(shown)} |")
    return "\n".join(lines) + "\n"


def verdict(gain: PairedDifference) -> str:
    """What an interval says of pre-training."""
    return {"higher": "it helps", "lower": "it harms"}.get(gain.verdict, gain.verdict)


def write_results(config: Any, cells: list[Cell], budgets: list[int], workdir: Path) -> None:
    """labels.md, labels.json, labels.csv and labels.png."""
    files.write_text(workdir / "labels.md", table(cells, budgets))
    files.write_json(
        workdir / "labels.json",
        {
            "cells": cells,
            "config": config.to_dict(),
            "gain": {
                str(budget or "all"): {
                    "mean": g.mean,
                    "low": g.low,
                    "high": g.high,
                    "pairs": g.pairs,
                    "verdict": g.verdict,
                }
                for budget, g in gains(cells, budgets).items()
                if g.pairs > 1
            },
            **provenance.provenance(),
        },
    )
    files.write_csv(workdir / "labels.csv", cells)
    points = {
        name: [
            (max(c["labels"] for c in cells if c["budget"] == budget), accuracies(cells, budget, method))
            for budget in budgets
        ]
        for method, name in METHODS.items()
    }
    title = f"{cells[0]['dataset']}: test error by number of labels, {SEEDS.value} seeds"
    classes.save_budgets(workdir / "labels.png", title, points)


def parse_budgets(words: list[str]) -> list[int]:
    """Numbers of labels.

    Raises:
      ValueError: none, one that is no number, or one twice.
    """
    if not words or not all(word.isdigit() for word in words) or len({int(word) for word in words}) < len(words):
        raise ValueError(f"--budgets takes different numbers such as 100,1000,0, not {','.join(words)!r}")
    return [int(word) for word in words]


def main() -> None:
    """Runs every cell and prints the table."""
    config, workdir = cli.CONFIG.value, Path(cli.WORKDIR.value or f"runs/labels/{cli.config_name()}")
    if config.task != "stack":
        raise ValueError(f"config.task is {config.task!r}: labels are for stacks, e.g. configs/stacked_mnist.py")
    budgets = parse_budgets(BUDGETS.value)
    if SEEDS.value < 1:
        raise ValueError("--seeds takes 1 or more")
    cli.set_up(config)
    workdir.mkdir(parents=True, exist_ok=True)
    # Before hours of training: a budget that the set does not hold.
    train = execute.open_data(config).train
    for budget in budgets:
        train.stratified(budget, config.seed)
    cells = run_cells(config, budgets, workdir)
    if devices.is_primary():
        write_results(config, cells, budgets, workdir)
        print(table(cells, budgets))
        print(f"run: {workdir}")


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
