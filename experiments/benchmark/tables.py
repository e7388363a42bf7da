"""The results of a benchmark as Markdown tables."""

from __future__ import annotations

from typing import Any

from aeden.nn.fast_convolution import resized_taps
from experiments.benchmark.peers import DENSE

Record = dict[str, Any]


def markdown(result: dict[str, Any], peers: tuple[str, ...]) -> str:
    """All tables of a result, with the machine and the versions."""
    hardware = result["hardware"]
    cores = f", {hardware['cores']} cores" if hardware["platform"] == "cpu" else ""
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    lines = [
        f"# {hardware['processor'] if hardware['platform'] == 'cpu' else hardware['device_kind']}{cores}",
        "",
        f"float32. Limits measured on all devices: {result['gflops']:.0f} GFLOP/s in matrix products, "
        f"{result['gigabytes_per_second']:.1f} GB/s in copies (read and written). {versions}. Medians over rounds "
        "taken in turn; ratios hold within a table, times drift between them.",
        "",
    ]
    for section, write in (
        ("training", _training),
        ("dense", _dense),
        ("inference", _inference),
        ("layers", _layers),
        ("scaling", _scaling),
        ("startup", _startup),
        ("quality", _quality),
    ):
        cells = [cell for cell in result["results"] if cell["section"] == section]
        if cells:
            commit = f"aeden at commit {cells[0]['commit'][:12]}."
            lines += [f"## {section.capitalize()}", "", commit, "", *write(cells, result, peers), ""]
    if hardware["platform"] == "cpu":
        lines += ["No GPU was at hand for this table.", ""]
    return "\n".join(lines)


def _training(cells: list[Record], result: Record, peers: tuple[str, ...]) -> list[str]:
    lines: list[str] = []
    for cell in cells:
        settings, best = cell["settings"], _best(cell, peers)
        lines += [
            f"{settings['decoder']} decoder, {settings['size']} x {settings['size']}, batch {settings['batch']}: "
            f"{cell['multiplications'] / 1e6:.2f} million multiplications an image forward, three times that a step.",
            "",
            "| | images/s | step | of the limit | to the best peer | devices | version |",
            "|---|---|---|---|---|---|---|",
        ]
        for one in cell["contenders"]:
            if "absent" in one:
                lines.append(f"| {one['name']} | absent: {one['absent']} | | | | | |")
                continue
            step = one["median_seconds"]
            lines.append(
                f"| {one['name']} | {settings['batch'] / step:.0f} | {_ms(step)} | {_of_limit(cell, step, result)} | "
                f"{_ratio(best, step)} | {one['devices']} | {one['version']} |"
            )
        lines.append("")
    return lines


def _dense(cells: list[Record], result: Record, peers: tuple[str, ...]) -> list[str]:
    nodes = " x ".join(map(str, DENSE))
    lines = [
        f"Training steps of dense networks, 784 pixels in, hidden layers {nodes}, masking noise, Adam.",
        "",
        "| network | parameters | batch | | images/s | step | to the best peer | devices |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for cell in cells:
        settings, best = cell["settings"], _best(cell, peers)
        for one in cell["contenders"]:
            if "absent" in one:
                lines.append(f"| {settings['network']} | | | {one['name']} | absent: {one['absent']} | | | |")
                continue
            step = one["median_seconds"]
            lines.append(
                f"| {settings['network']} | {one['parameters']:,} | {settings['batch']} | {one['name']} | "
                f"{settings['batch'] / step:.0f} | {_ms(step)} | {_ratio(best, step)} | {one['devices']} |"
            )
    return lines


def _inference(cells: list[Record], result: Record, peers: tuple[str, ...]) -> list[str]:
    lines = [
        "From NumPy to NumPy.",
        "",
        "| decoder | batch | | a call | images/s | to the best peer |",
        "|---|---|---|---|---|---|",
    ]
    for cell in cells:
        settings, best = cell["settings"], _best(cell, peers)
        for one in cell["contenders"]:
            where = f"| {settings['decoder']} | {settings['batch']} | {one['name']} |"
            if "absent" in one:
                lines.append(f"{where} absent: {one['absent']} | | |")
                continue
            step = one["median_seconds"]
            lines.append(f"{where} {_ms(step)} | {settings['batch'] / step:.0f} | {_ratio(best, step)} |")
    return lines


def _layers(cells: list[Record], result: Record, peers: tuple[str, ...]) -> list[str]:
    names = [one["name"] for one in cells[0]["contenders"]]
    lines = [
        "Milliseconds; in brackets how many times aeden's layer as it chooses is faster. Limit: the time of its "
        "multiplications at the rate of matrix products.",
        "",
        f"| layer | pass | limit | {' | '.join(names)} |",
        "|---|---|---|" + "---|" * len(names),
    ]
    for cell in cells:
        s = cell["settings"]
        ours = next((one.get("median_seconds") for one in cell["contenders"] if one["name"] == "aeden"), None)
        taps = s["kernel"] ** 2 if s["kind"] == "transpose" else resized_taps(s["kernel"], s["stride"])
        times = 3 if s["pass_"].endswith("backward") else 1
        work = 2e-9 * times * s["batch"] * s["size"] ** 2 * taps * s["channels"] * s["features"]
        entries = []
        for one in cell["contenders"]:
            if "absent" in one:
                entries.append("absent")
            elif ours is None or one["name"] == "aeden":
                entries.append(_ms(one["median_seconds"], unit=""))
            else:
                entries.append(f"{_ms(one['median_seconds'], unit='')} ({one['median_seconds'] / ours:.1f})")
        lines.append(
            f"| {s['kind']} k{s['kernel']} s{s['stride']}, {s['size']} to {s['size'] * s['stride']}, "
            f"{s['channels']} to {s['features']}, batch {s['batch']} | {s['pass_']} | "
            f"{_ms(work / result['gflops'], unit='')} | {' | '.join(entries)} |"
        )
    return lines


def _scaling(cells: list[Record], result: Record, peers: tuple[str, ...]) -> list[str]:
    lines = [
        "Training steps of aeden.",
        "",
        "| decoder | batch | image | devices | images/s | of the limit |",
        "|---|---|---|---|---|---|",
    ]
    for cell in cells:
        s, one = cell["settings"], cell["contenders"][0]
        if "absent" in one:
            lines.append(f"| {s['decoder']} | {s['batch']} | {s['size']} | {one['absent']} | | |")
            continue
        step = one["median_seconds"]
        lines.append(
            f"| {s['decoder']} | {s['batch']} | {s['size']} | {one['devices']} | {s['batch'] / step:.0f} | "
            f"{_of_limit(cell, step, result)} |"
        )
    return lines


def _startup(cells: list[Record], result: Record, peers: tuple[str, ...]) -> list[str]:
    cell = cells[0]
    return [
        f"From the start of `python -m experiments.main --config=configs/transpose_mnist.py` ({cell['dataset']}) to "
        f"its first training step: {cell['first_seconds']:.1f} s with an empty cache, {cell['again_seconds']:.1f} s "
        "from then on (median of 3).",
    ]


def _quality(cells: list[Record], result: Record, peers: tuple[str, ...]) -> list[str]:
    cell = cells[0]
    ours = cell["aeden"]
    lines = [
        f"Wall-clock from the start of the process to a test BCE of {cell['target_bce']:.4f} on {cell['dataset']}, "
        "noise of 0.4, clipped.",
        "",
        "| | seconds | test BCE | after | ratio |",
        "|---|---|---|---|---|",
        f"| aeden, configs/transpose_mnist.py whole | {ours['seconds']:.0f} | {ours['bce']:.4f} | "
        f"{ours['epochs']:g} epochs | |",
    ]
    for name, key in (
        ("Keras' example as published", "keras_published"),
        ("Keras' example without its epochs on clean images", "keras_noisy_only"),
    ):
        it = cell[key]
        if "absent" in it:
            lines.append(f"| {name} | absent: {it['absent']} | | | |")
            continue
        more = "" if it["reached"] else "> "
        bce = f"{it['bce']:.4f}" if "bce" in it else "not yet on noisy images"
        lines.append(
            f"| {name} | {more}{it['seconds']:.0f}{'' if it['reached'] else ', stopped'} | {bce} | "
            f"{it['clean_epochs']} clean and {it['noisy_epochs']} noisy epochs | "
            f"{more}{it['seconds'] / ours['seconds']:.1f} |"
        )
    return lines


def _of_limit(cell: Record, step: float, result: Record) -> str:
    """The share of a training step that its multiplications would take at the rate of matrix products."""
    limit = 6e-9 * cell["multiplications"] * cell["settings"]["batch"] / result["gflops"]
    return f"{limit / step:.0%}"


def _best(cell: Record, peers: tuple[str, ...]) -> float | None:
    """The fastest peer's seconds a step."""
    times = [one["median_seconds"] for one in cell["contenders"] if one["name"] in peers and "absent" not in one]
    return min(times, default=None)


def _ratio(best: float | None, step: float) -> str:
    return f"{best / step:.2f}" if best is not None else ""


def _ms(seconds: float, unit: str = " ms") -> str:
    return f"{1000 * seconds:.3g}{unit}" if seconds < 1 else f"{1000 * seconds:.0f}{unit}"
