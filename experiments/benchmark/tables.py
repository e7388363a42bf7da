"""Benchmark results as Markdown tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aeden.nn.fast_convolution import resized_taps
from experiments.benchmark.peers import DENSE
from experiments.benchmark.race import OTHER_LIBRARIES

Record = dict[str, Any]


def markdown(content: Record) -> str:
    """All tables of a result file, with the machine and the versions.

    Args:
      content: as `experiments.benchmark` writes it to JSON.
    """
    hardware = content["hardware"]
    on_cpu = hardware["platform"] == "cpu"
    machine = f"{hardware['processor']}, {hardware['cores']} cores" if on_cpu else hardware["device_kind"]
    versions = ", ".join(f"{name} {version}" for name, version in content["versions"].items())
    lines = [
        f"# {machine}",
        "",
        f"float32. Measured limits of all devices together: {content['gflops']:.0f} GFLOP/s in matrix products, "
        f"{content['gigabytes_per_second']:.1f} GB/s in copies (read and written). {versions}. Times are medians over "
        "rounds that the peers take in turn. Compare ratios within one table; absolute times drift between tables. "
        "*Share of the limit*: time that the multiplications would take at the rate of matrix products, divided by the "
        "measured time. *Relative speed*: compared with the fastest of Keras and PyTorch.",
        "",
    ]
    for section, write in _WRITERS.items():
        results = [result for result in content["results"] if result["section"] == section]
        if results:
            commit = f"aeden at commit {results[0]['commit'][:12]}."
            lines += [f"## {section.capitalize()}", "", commit, "", *write(results, content), ""]
    if on_cpu:
        lines += ["No GPU was available: all times on this page are CPU times.", ""]
    return "\n".join(lines)


def _training(results: list[Record], content: Record) -> list[str]:
    lines: list[str] = []
    for result in results:
        settings, best = result["settings"], _best(result)
        lines += [
            f"{settings['decoder']} decoder, {settings['size']} x {settings['size']}, batch {settings['batch']}: "
            f"{result['multiplications'] / 1e6:.2f} million multiplications per image forward, three times as many per "
            "training step.",
            "",
            "| peer | images/s | step | share of the limit | relative speed | devices | version |",
            "|---|---|---|---|---|---|---|",
        ]
        for peer in result["contenders"]:
            if "absent" in peer:
                lines.append(f"| {peer['name']} | {_absent(peer)} | | | | | |")
                continue
            step = peer["median_seconds"]
            lines.append(
                f"| {peer['name']} | {settings['batch'] / step:.0f} | {_ms(step)} | "
                f"{_share_of_limit(result, step, content)} | {_ratio(best, step)} | {peer['devices']} | "
                f"{peer['version']} |"
            )
        lines.append("")
    return lines


def _dense(results: list[Record], content: Record) -> list[str]:
    nodes = " x ".join(map(str, DENSE))
    lines = [
        f"Training steps of dense networks: 784 input pixels, hidden layers of {nodes} nodes, masking noise, Adam.",
        "",
        "| network | parameters | batch | peer | images/s | step | relative speed | devices |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for result in results:
        settings, best = result["settings"], _best(result)
        for peer in result["contenders"]:
            if "absent" in peer:
                lines.append(f"| {settings['network']} | | | {peer['name']} | {_absent(peer)} | | | |")
                continue
            step = peer["median_seconds"]
            lines.append(
                f"| {settings['network']} | {peer['parameters']:,} | {settings['batch']} | {peer['name']} | "
                f"{settings['batch'] / step:.0f} | {_ms(step)} | {_ratio(best, step)} | {peer['devices']} |"
            )
    return lines


def _inference(results: list[Record], content: Record) -> list[str]:
    lines = [
        "NumPy arrays in, NumPy arrays out.",
        "",
        "| decoder | batch | peer | call | images/s | relative speed |",
        "|---|---|---|---|---|---|",
    ]
    for result in results:
        settings, best = result["settings"], _best(result)
        for peer in result["contenders"]:
            start = f"| {settings['decoder']} | {settings['batch']} | {peer['name']} |"
            if "absent" in peer:
                lines.append(f"{start} {_absent(peer)} | | |")
                continue
            step = peer["median_seconds"]
            lines.append(f"{start} {_ms(step)} | {settings['batch'] / step:.0f} | {_ratio(best, step)} |")
    return lines


def _layers(results: list[Record], content: Record) -> list[str]:
    names = [peer["name"] for peer in results[0]["contenders"]]
    lines = [
        "Milliseconds. In brackets: how many times faster aeden's layer is with the lowering that aeden chooses. "
        "Limit: time of the multiplications at the rate of matrix products.",
        "",
        f"| layer | pass | limit | {' | '.join(names)} |",
        "|---|---|---|" + "---|" * len(names),
    ]
    for result in results:
        s = result["settings"]
        taps = s["kernel"] ** 2 if s["kind"] == "transpose" else resized_taps(s["kernel"], s["stride"])
        passes = 3 if s["pass_"].endswith("backward") else 1
        gflop = 2e-9 * passes * s["batch"] * s["size"] ** 2 * taps * s["channels"] * s["features"]
        aeden = next((peer.get("median_seconds") for peer in result["contenders"] if peer["name"] == "aeden"), None)
        entries = [_layer_entry(peer, aeden) for peer in result["contenders"]]
        lines.append(
            f"| {s['kind']} k{s['kernel']} s{s['stride']}, {s['size']} to {s['size'] * s['stride']}, "
            f"{s['channels']} to {s['features']}, batch {s['batch']} | {s['pass_']} | "
            f"{_ms(gflop / content['gflops'], unit='')} | {' | '.join(entries)} |"
        )
    return lines


def _layer_entry(peer: Record, aeden: float | None) -> str:
    """Milliseconds of a peer, and the ratio to aeden's time in seconds if aeden has one."""
    if "absent" in peer:
        return "absent"
    seconds = peer["median_seconds"]
    ratio = "" if aeden is None or peer["name"] == "aeden" else f" ({seconds / aeden:.1f})"
    return f"{_ms(seconds, unit='')}{ratio}"


def _scaling(results: list[Record], content: Record) -> list[str]:
    lines = [
        "Training steps of aeden.",
        "",
        "| decoder | batch | image size | devices | images/s | share of the limit |",
        "|---|---|---|---|---|---|",
    ]
    for result in results:
        settings, peer = result["settings"], result["contenders"][0]
        start = f"| {settings['decoder']} | {settings['batch']} | {settings['size']} |"
        if "absent" in peer:
            lines.append(f"{start} {_absent(peer)} | | |")
            continue
        step = peer["median_seconds"]
        lines.append(
            f"{start} {peer['devices']} | {settings['batch'] / step:.0f} | {_share_of_limit(result, step, content)} |"
        )
    return lines


def _startup(results: list[Record], content: Record) -> list[str]:
    result = results[0]
    return [
        f"From the start of `python -m experiments.main --config=configs/transpose_mnist.py` ({result['dataset']}) to "
        f"its first training step: {result['first_seconds']:.1f} s with an empty cache, {result['again_seconds']:.1f} "
        "s afterwards (median of 3).",
    ]


def _quality(results: list[Record], content: Record) -> list[str]:
    result = results[0]
    aeden = result["aeden"]
    lines = [
        f"Wall-clock time from the start of the process to a test BCE of {result['target_bce']:.4f} on "
        f"{result['dataset']}, Gaussian noise of 0.4, clipped.",
        "",
        "| run | seconds | test BCE | trained for | time relative to aeden |",
        "|---|---|---|---|---|",
        f"| aeden, the complete run of configs/transpose_mnist.py | {aeden['seconds']:.0f} | {aeden['bce']:.4f} | "
        f"{aeden['epochs']:g} epochs | |",
    ]
    for name, key in (
        ("Keras' example as published", "keras_published"),
        ("Keras' example without its epochs on clean images", "keras_noisy_only"),
    ):
        keras = result[key]
        if "absent" in keras:
            lines.append(f"| {name} | {_absent(keras)} | | | |")
            continue
        more = "" if keras["reached"] else "> "
        bce = f"{keras['bce']:.4f}" if "bce" in keras else "not yet on noisy images"
        lines.append(
            f"| {name} | {more}{keras['seconds']:.0f}{'' if keras['reached'] else ', stopped'} | {bce} | "
            f"{keras['clean_epochs']} clean and {keras['noisy_epochs']} noisy epochs | "
            f"{more}{keras['seconds'] / aeden['seconds']:.1f} |"
        )
    return lines


_WRITERS: dict[str, Callable[[list[Record], Record], list[str]]] = {
    "training": _training,
    "dense": _dense,
    "inference": _inference,
    "layers": _layers,
    "scaling": _scaling,
    "startup": _startup,
    "quality": _quality,
}


def _absent(peer: Record) -> str:
    # Older result files begin the reason with the name of the exception.
    return f"absent: {peer['absent'].removeprefix('Absent: ')}"


def _share_of_limit(result: Record, step: float, content: Record) -> str:
    """Time of a training step's multiplications at the rate of matrix products, divided by the measured time."""
    limit = 6e-9 * result["multiplications"] * result["settings"]["batch"] / content["gflops"]
    return f"{limit / step:.0%}"


def _best(result: Record) -> float | None:
    """Seconds per step of the fastest other library."""
    times = [
        peer["median_seconds"]
        for peer in result["contenders"]
        if peer["name"] in OTHER_LIBRARIES and "absent" not in peer
    ]
    return min(times, default=None)


def _ratio(best: float | None, step: float) -> str:
    return f"{best / step:.2f}" if best is not None else ""


def _ms(seconds: float, unit: str = " ms") -> str:
    return f"{1000 * seconds:.3g}{unit}" if seconds < 1 else f"{1000 * seconds:.0f}{unit}"
