"""How many labels does it take? Logistic regression, pre-training and random initialisation by number of labels.

    python -m experiments.labels --config=configs/stacked_mnist.py [--budgets=100,1000,10000,0] [--seeds=3]

Makes the grid of `configs/ablations/labels_mnist.py` from the config of any stack and runs it as `experiments.ablate`
does, with the same flags (--jobs, --launcher, --only, --list). For every seed the stack is pre-trained once on the
training images without their labels. Then, for each number of labels (0 for all), it trains

    pixels      logistic regression on the images themselves
    frozen      logistic regression on the pre-trained code
    random      the whole network, from random parameters
    pretrained  the whole network, from the pre-trained ones

all on the same labelled images with the same seed, the same number of each class. The same command again continues. In
addition to the files of every grid it writes `labels.md`, `labels.json`, `labels.csv` and `labels.png`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from absl import flags

from aeden.measures.paired_statistics import PairedDifference, paired_difference
from aeden.plots import classes
from aeden.runtime import files, provenance
from aeden.runtime.files import Row
from configs.ablations.labels_mnist import label_budgets
from experiments import cli
from experiments.ablate import outcome, results
from experiments.ablate.plan import Plan
from experiments.ablate.run import run_grid

BUDGETS = flags.DEFINE_list("budgets", ["100", "1000", "10000", "0"], "Numbers of labels; 0 for all.")
SEEDS = flags.DEFINE_integer("seeds", 3, "Number of seeds, from the config's on.", lower_bound=1)
LEAST_STEPS = flags.DEFINE_integer(
    "least_steps", 1000, "Shortest training of a head in steps, where the config's epochs amount to fewer."
)

# Written in addition to the files of every grid.
OUTPUTS = ("labels.md", "labels.json", "labels.csv", "labels.png")
METHODS = {
    "pixels": "logistic regression on pixels",
    "frozen": "logistic regression on the frozen code",
    "random": "fine-tuned from random initialisation",
    "pretrained": "fine-tuned from pre-training",
}


def records(plan: Plan) -> list[Row]:
    """One row per finished run: seed, budget, labels, method, accuracy, cross-entropy, steps, time, data, folder."""
    rows = []
    for cell in plan.cells:
        if plan.is_finished(cell):
            summary = outcome.read_summary(plan, cell)
            rows.append(
                {
                    "seed": cell.seed,
                    "budget": cell.config.stack.labels,
                    "labels": summary["labels"],
                    "method": cell.contender,
                    "accuracy": summary["test"]["accuracy"],
                    "cross_entropy": summary["test"]["cross_entropy"],
                    "steps": summary["steps"],
                    "wall_seconds": summary["wall_seconds"],
                    "dataset": summary["dataset"],
                    "folder": str(plan.folders[cell]),
                }
            )
    return rows


def accuracies(rows: list[Row], budget: int, method: str) -> dict[int, float]:
    """Test accuracy by seed."""
    return {row["seed"]: row["accuracy"] for row in rows if (row["budget"], row["method"]) == (budget, method)}


def gains(rows: list[Row], budgets: list[int]) -> dict[int, PairedDifference]:
    """By budget: accuracy from pre-training minus accuracy from random initialisation, paired by seed.

    Budgets without a seed that has finished both are left out.
    """
    paired = {}
    for budget in budgets:
        pretrained, random = (accuracies(rows, budget, method) for method in ("pretrained", "random"))
        seeds = [seed for seed in pretrained if seed in random]
        if seeds:
            paired[budget] = paired_difference([pretrained[s] for s in seeds], [random[s] for s in seeds])
    return paired


def table(rows: list[Row], budgets: list[int]) -> str:
    """Mean and standard deviation over seeds in percent, and what pre-training adds, as Markdown."""
    labels = [f"{most_labels(rows, budget):,}" for budget in budgets]
    lines = [
        f"| test accuracy, % | {' | '.join(f'{name} labels' for name in labels)} |",
        "|---" * (len(labels) + 1) + "|",
    ]
    for method, name in METHODS.items():
        shown = [_mean(list(accuracies(rows, budget, method).values())) for budget in budgets]
        lines.append(f"| {name} | {' | '.join(shown)} |")
    gain = gains(rows, budgets)
    shown = [_interval(gain[budget]) if budget in gain else "" for budget in budgets]
    lines.append(f"| what pre-training adds, 95 % interval over paired seeds | {' | '.join(shown)} |")
    return "\n".join(lines) + "\n"


def most_labels(rows: list[Row], budget: int) -> int:
    """Number of labels that a budget comes to: all there are if it is 0."""
    return max((row["labels"] for row in rows if row["budget"] == budget), default=budget)


def _mean(accuracy: list[float]) -> str:
    """Mean and standard deviation in percent; "" without a value."""
    return results.spread([100 * value for value in accuracy])


def _interval(gain: PairedDifference) -> str:
    return f"{100 * gain.mean:+.2f} [{100 * gain.low:+.2f}, {100 * gain.high:+.2f}]: {verdict(gain)}"


def verdict(gain: PairedDifference) -> str:
    """What an interval says about pre-training."""
    return {"higher": "it helps", "lower": "it harms"}.get(gain.verdict, gain.verdict)


def write_results(plan: Plan, budgets: list[int]) -> str:
    """Writes labels.md, labels.json, labels.csv and labels.png of the finished runs; returns the table.

    If no run is finished, nothing is written, and what an earlier call wrote is removed.
    """
    rows = records(plan)
    if not rows:
        outcome.remove(plan.workdir, OUTPUTS)
        return ""
    workdir, text = plan.workdir, table(rows, budgets)
    files.write_text(workdir / "labels.md", text)
    gain = {
        str(budget or "all"): {
            "mean": one.mean,
            "low": one.low,
            "high": one.high,
            "pairs": one.pairs,
            "verdict": one.verdict,
        }
        for budget, one in gains(rows, budgets).items()
        if one.pairs > 1
    }
    record = {"cells": rows, "config": plan.settings.experiment.to_dict(), "gain": gain, **provenance.provenance()}
    files.write_json(workdir / "labels.json", record)
    files.write_csv(workdir / "labels.csv", rows)
    points = {
        name: [
            (most_labels(rows, budget), list(values.values()))
            for budget in budgets
            if (values := accuracies(rows, budget, method))
        ]
        for method, name in METHODS.items()
    }
    title = f"{rows[0]['dataset']}: test error by number of labels, {plan.settings.seeds} seeds"
    classes.save_budgets(workdir / "labels.png", title, points)
    return text


def parse_budgets(words: list[str]) -> list[int]:
    """Numbers of labels.

    Raises:
      ValueError: there is none, one is not a number, or one occurs twice.
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
    settings = label_budgets(config, budgets, SEEDS.value, LEAST_STEPS.value)

    def report(plan: Plan, failures: dict[str, str]) -> str:
        return f"{outcome.write(plan, failures, [])}\n\n{write_results(plan, budgets)}"

    run_grid(cli.config_name(), settings, workdir, report)


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
