"""What the model card of a network that enlarges images says where that of a denoiser says something else."""

from __future__ import annotations

from typing import Any

from aeden.nn.resize import INTERPOLATIONS

TAGS = ("super-resolution", "image-super-resolution")


def task(settings: dict[str, Any], colour: str) -> str:
    """What the network is and does, e.g. "Enlarges gray images of any size 2 times: a convolutional network"."""
    return f"Enlarges {colour} images of any size {settings['scale']} times along each axis: a convolutional network"


def training(settings: dict[str, Any]) -> str:
    """How the images of low resolution were made that it was trained on."""
    options = settings["super_resolve"]
    made = "bicubic means" if options["antialias"] else f"one pixel kept of {options['factor']} x {options['factor']}"
    return f"- low resolution: {options['factor']} times smaller along each axis, {made}"


def results(summary: dict[str, Any], about: str, noise: str) -> str:
    """Figures of the test of the run, before the export, beside interpolation of the same images.

    Args:
      summary: summary.json of the run.
      about: on which images, and how many runs.
      noise: that of the training and the test, such as "gaussian, level 0.1"; "" for none.
    """
    rows = {"this network": summary.get("test"), **{name: summary.get(name) for name in INTERPOLATIONS}}
    lines = [
        f"| {name} | {row['psnr']:.2f} | {row['ssim']:.4f} |"
        for name, row in rows.items()
        if row and "psnr" in row and "ssim" in row
    ]
    noisy = f" The images of low resolution have noise ({noise})." if noise else ""
    return "\n".join([f"{about}{noisy}\n", "| enlarged by | PSNR, dB | SSIM |", "|---|---|---|", *lines]) + "\n"


def limits(noise: str) -> str:
    """What it is not for.

    Args:
      noise: see `results`.
    """
    matter = (
        f"It expects noise like that of its training ({noise}), and removes detail that looks like it"
        if noise
        else "Their noise and blocks are enlarged too"
    )
    return (
        "It has learnt to undo one way of making images smaller, that of its training. Photos that a camera or a "
        f"website has sharpened, blurred or compressed are another matter. {matter}. A "
        "result is a guess at what is likely, so do not use it where a pixel is evidence, as in medicine or "
        "forensics.\n"
    )
