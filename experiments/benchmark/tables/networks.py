"""Tables of whole networks: training, its variants, dense networks, inference, scaling and steps per dispatch."""

from __future__ import annotations

from typing import Any

from experiments.benchmark.peers import DENSE
from experiments.benchmark.tables.measured import AEDEN, Measured, milliseconds, or_empty

RATIO = "time / aeden's"


def describe(settings: dict[str, Any]) -> str:
    """A network and its batch in words."""
    kernel = settings.get("decoder_kernel", 3)
    words = [
        f"{settings['decoder']}{f' k{kernel}' if kernel != 3 else ''} decoder",
        f"{settings['size']} x {settings['size']}{' x 3' if settings.get('channels', 1) == 3 else ''}",
        f"batch {settings['batch']}",
        *([settings["precision"]] if "precision" in settings else []),
    ]
    return ", ".join(words)


def training(comparisons: list[Measured]) -> list[str]:
    """Training steps of convolutional networks."""
    lines: list[str] = []
    for measured in comparisons:
        settings, count = measured.settings, measured.multiplications
        title = describe(settings)
        lines += [
            f"{title[0].upper()}{title[1:]}: {count / 1e6:.2f} million multiplications per image forward, three "
            "times as many per training step.",
            "",
            f"| peer | images/s | step | share of the limit | {RATIO} | devices | version |",
            "|---|---|---|---|---|---|---|",
        ]
        for name in measured.names:
            step = measured.seconds(name)
            if step is None:
                lines.append(f"| {name} | {measured.absent(name)} | | | | | |")
                continue
            share = measured.share_of_limit(name, 6e-9 * count * settings["batch"])
            lines.append(
                f"| {measured.label(name)} | {settings['batch'] / step:.0f} | {milliseconds(step)} | {share} | "
                f"{or_empty(measured.ratio(name))} | {measured.field(name, 'devices')} | "
                f"{measured.field(name, 'version')} |"
            )
        lines += ["", measured.claim(), ""]
    return lines


def unet(comparisons: list[Measured]) -> list[str]:
    """Training steps of the U-Net on crops of photos."""
    about = "The U-Net of configs/photos_gray.py: without biases, predicts the noise, absolute error, Adam."
    return [about, "", *training(comparisons)]


def dense(comparisons: list[Measured]) -> list[str]:
    """Training steps of dense networks."""
    lines = [
        f"Training steps of dense networks: 784 input pixels, hidden layers of {' x '.join(map(str, DENSE))} nodes, "
        "masking noise, Adam.",
        "",
        f"| network | parameters | batch | peer | images/s | step | {RATIO} | devices |",
        "|---|---|---|---|---|---|---|---|",
    ]
    claims = []
    for measured in comparisons:
        settings = measured.settings
        for name in measured.names:
            step = measured.seconds(name)
            if step is None:
                lines.append(f"| {settings['network']} | | | {name} | {measured.absent(name)} | | | |")
                continue
            lines.append(
                f"| {settings['network']} | {measured.field(name, 'parameters'):,} | {settings['batch']} | {name} | "
                f"{settings['batch'] / step:.0f} | {milliseconds(step)} | {or_empty(measured.ratio(name))} | "
                f"{measured.field(name, 'devices')} |"
            )
        claims += [f"- {settings['network']}, batch {settings['batch']}: {measured.claim('the best of PyTorch')}"]
    return [*lines, "", *claims]


def inference(comparisons: list[Measured]) -> list[str]:
    """Restoring images."""
    lines = [
        "NumPy arrays in, NumPy arrays out.",
        "",
        f"| network | peer | call | images/s | {RATIO} |",
        "|---|---|---|---|---|",
    ]
    claims = []
    for measured in comparisons:
        settings = measured.settings
        for name in measured.names:
            start, step = f"| {describe(settings)} | {name} |", measured.seconds(name)
            if step is None:
                lines.append(f"{start} {measured.absent(name)} | | |")
                continue
            lines.append(
                f"{start} {milliseconds(step)} | {settings['batch'] / step:.0f} | {or_empty(measured.ratio(name))} |"
            )
        claims.append(f"- {describe(settings)}: {measured.claim()}")
    return [*lines, "", *claims]


def scaling(comparisons: list[Measured]) -> list[str]:
    """Training steps of aeden at many sizes."""
    return _of_aeden(comparisons, [])


def dispatch(comparisons: list[Measured]) -> list[str]:
    """Training steps of aeden by steps per call to the devices."""
    return _of_aeden(comparisons, ["dispatch"])


def _of_aeden(comparisons: list[Measured], columns: list[str]) -> list[str]:
    titles = [{"dispatch": "steps per dispatch"}[column] for column in columns]
    lines = [
        "Training steps of aeden.",
        "",
        f"| network | {' | '.join([*titles, 'devices', 'images/s', 'share of the limit'])} |",
        "|---|" + "---|" * (len(columns) + 3),
    ]
    for measured in comparisons:
        settings, step = measured.settings, measured.seconds(AEDEN)
        start = f"| {' | '.join([describe(settings), *(str(settings[column]) for column in columns)])} |"
        if step is None:
            lines.append(f"{start} {measured.absent(AEDEN)} | | |")
            continue
        gflop = 6e-9 * measured.multiplications * settings["batch"]
        lines.append(
            f"{start} {measured.field(AEDEN, 'devices')} | {settings['batch'] / step:.0f} | "
            f"{measured.share_of_limit(AEDEN, gflop)} |"
        )
    return lines
