"""All tables of a result file on one page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from experiments.benchmark.sittings import with_sittings
from experiments.benchmark.tables import layers, networks, processes
from experiments.benchmark.tables.measured import Measured, group
from experiments.benchmark.tables.searches import searches

Record = dict[str, Any]

# What every page says first.
ABOUT = (
    "float32, if nothing else is said. Times are medians over rounds, in which the peers take turns in a new order. A "
    "ratio is a peer's time divided by aeden's: above 1 aeden is faster. It is formed within a sitting (one start of "
    "the benchmark); times and ratios of several sittings are geometric means. In square brackets: the 95 % bootstrap "
    "interval over sittings and rounds, which for the best peer includes the choice of this peer. Absolute times "
    "drift: compare ratios within one table. *Share of the limit*: time that the multiplications would take at the "
    "rate of matrix products, divided by the measured time."
)
_COMPARED: dict[str, Callable[[list[Measured]], list[str]]] = {
    "training": networks.training,
    "variants": networks.training,
    "unet": networks.unet,
    "dense": networks.dense,
    "inference": networks.inference,
    "layers": layers.layers,
    "scaling": networks.scaling,
    "dispatch": networks.dispatch,
    "whole": processes.whole,
}
_OTHERS: dict[str, Callable[[list[Record]], list[str]]] = {
    "startup": processes.startup,
    "quality": processes.quality,
}
_TITLES = {
    "training": "Training",
    "variants": "Training of further networks",
    "unet": "Training of the U-Net for photos",
    "dense": "Dense",
    "inference": "Inference",
    "layers": "Layers",
    "scaling": "Scaling",
    "dispatch": "Steps per dispatch",
    "startup": "Startup",
    "whole": "Whole runs and grids",
    "quality": "Quality",
}


def markdown(content: Record) -> str:
    """All tables of a result file, with the machine and the sittings.

    Args:
      content: as `experiments.benchmark` writes it to JSON, now or before there were sittings.
    """
    content = with_sittings(content)
    sittings, results = content["sittings"], content["results"]
    lines = _introduction(content)
    for section, title in _TITLES.items():
        own = [result for result in results if result["section"] == section]
        if own:
            lines += [f"## {title}", "", _origin(own, sittings), "", *_tables(section, own, sittings), ""]
    if content["hardware"]["platform"] == "cpu":
        lines += ["No GPU was available: all times on this page are CPU times.", ""]
    return "\n".join(_squeezed(lines))


def _introduction(content: Record) -> list[str]:
    hardware = content["hardware"]
    on_cpu = hardware["platform"] == "cpu"
    machine = f"{hardware['processor']}, {_cores(hardware['cores'])}" if on_cpu else hardware["device_kind"]
    extensions = content.get("vector_extensions", "")
    lines = [
        f"# {machine}{f', {extensions}' if on_cpu and extensions else ''}",
        "",
        ABOUT,
        "",
        "| sitting | date | commit | matrix products | copies, read and written | settings | versions |",
        "|---|---|---|---|---|---|---|",
    ]
    for sitting in content["sittings"]:
        settings = [f"{name}={value}" for name, value in sitting.get("environment", {}).items()]
        if "rounds" in sitting:
            settings.insert(0, f"{sitting['rounds']} rounds of {sitting['seconds']:g} s, seed {sitting['seed']}")
        versions = ", ".join(f"{name} {version}" for name, version in sitting.get("versions", {}).items())
        lines.append(
            f"| {sitting['sitting'] + 1} | {sitting['date'] or 'not recorded'} | {_short(sitting['commit'])} | "
            f"{_limits(sitting)} | {', '.join(settings)} | {versions} |"
        )
    return [*lines, ""]


def _cores(count: int) -> str:
    return f"{count} core{'s' if count != 1 else ''}"


def _limits(sitting: Record) -> str:
    """Two cells: the measured limits."""
    if not sitting.get("gflops"):
        return f"not measured: {sitting.get('limits_absent', 'no reason given')} | "
    rates = [f"{sitting['gflops']:.0f} GFLOP/s"]
    rates += [f"{rate:.0f} in {name}" for name, rate in (sitting.get("gflops_by_precision") or {}).items()]
    return f"{', '.join(rates)} | {sitting['gigabytes_per_second']:.1f} GB/s"


def _origin(results: list[Record], sittings: list[Record]) -> str:
    """Which sittings and commits the results are of."""
    numbers = sorted({result["sitting"] for result in results})
    commits = ", ".join(dict.fromkeys(_short(result.get("commit", "")) for result in results))
    which = f"Sitting{'s' if len(numbers) > 1 else ''} {', '.join(str(number + 1) for number in numbers)}, "
    return f"{which if len(sittings) > 1 else ''}aeden at commit {commits}."


def _short(commit: str) -> str:
    """A commit's first twelve digits, with its "+changes"."""
    digits, plus, changes = commit.partition("+")
    return f"{digits[:12]}{plus}{changes}"


def _tables(section: str, results: list[Record], sittings: list[Record]) -> list[str]:
    if section in _OTHERS:
        return _OTHERS[section](results)
    lines = _COMPARED[section](group(results, sittings))
    searched = searches(results, networks.describe) if section != "whole" else []
    return [*lines, "", *searched]


def _squeezed(lines: list[str]) -> list[str]:
    """Without empty lines that follow another."""
    return [line for i, line in enumerate(lines) if line or not i or lines[i - 1]]
