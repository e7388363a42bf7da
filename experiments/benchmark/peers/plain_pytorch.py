"""Denoising MNIST in plain PyTorch: the whole run of `configs/transpose_mnist.py`, or a grid of such runs.

    python -m experiments.benchmark.peers.plain_pytorch FOLDER --data=DATA --decoders=transpose --seeds=1 --epochs=3

Written as somebody who knows PyTorch would: tensors in memory in place of a DataLoader, which is faster for images of
this size; channels last; a fused optimiser; denormal numbers flushed; optionally torch.compile. It has the network,
noise, loss, batch size, optimiser and schedule of the config, validates after every epoch, tests at the noise level of
the training (PSNR, SSIM, MSE, BCE), and writes metrics.csv, a checkpoint per epoch, summary.json and samples.png for
each run, and grid.json if there are several. The runs of a grid follow each other in one process.

It does not do what aeden's run does besides: resume from a checkpoint, or after a signal; results that depend neither
on the number of devices nor on interruptions; locks, the identity of a run and the hash of its data; artifact measures
(residual spectra, responses of the decoder) and their picture; learning curves as a picture, TensorBoard events; a
grid's verdict with statistics, figures and report.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import math
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from experiments.benchmark.peers import NOISE
from experiments.benchmark.peers.pytorch import autoencoder

BATCH, PEAK, WARM_UP, WEIGHT_DECAY, LOG_EVERY = 128, 2.5e-2, 100, 1e-4, 20
TEST_BATCH = 1000


def read_idx(folder: Path, name: str) -> torch.Tensor:
    """The images in a gzipped or plain IDX file of MNIST: uint8 [n, 1, 28, 28]."""
    for path in (folder / f"{name}.gz", folder / "mnist" / f"{name}.gz", folder / name, folder / "mnist" / name):
        if path.is_file():
            content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            return torch.from_numpy(np.frombuffer(content, np.uint8, offset=16).reshape(-1, 1, 28, 28).copy())
    raise SystemExit(f"{folder} has no {name}")


def window_matrix(size: int) -> torch.Tensor:
    """[size - 10, size]: each row is the Gaussian window of SSIM (11 taps, sigma 1.5) at one position."""
    taps = torch.exp(-0.5 * (torch.arange(-5, 6) / 1.5) ** 2)
    rows = torch.zeros(size - 10, size)
    for i in range(size - 10):
        rows[i, i : i + 11] = taps / taps.sum()
    return rows


def ssim(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Structural similarity (Wang et al. 2004) of images [b, 1, h, w] in [0, 1] -> [b]."""
    rows, columns = window_matrix(x.shape[2]), window_matrix(x.shape[3])

    def mean(image: torch.Tensor) -> torch.Tensor:
        return rows @ image @ columns.T

    mean_x, mean_y = mean(x), mean(y)
    var_x, var_y = mean(x * x) - mean_x**2, mean(y * y) - mean_y**2
    covariance = mean(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + 0.01**2) / (mean_x**2 + mean_y**2 + 0.01**2)
    return (luminance * (2 * covariance + 0.03**2) / (var_x + var_y + 0.03**2)).mean((1, 2, 3))


def to_float(images: torch.Tensor) -> torch.Tensor:
    """uint8 images as float32 in [0, 1], channels last."""
    return (images.float() / 255).contiguous(memory_format=torch.channels_last)


def corrupt(image: torch.Tensor) -> torch.Tensor:
    """Adds clipped Gaussian noise."""
    return (image + NOISE * torch.randn_like(image)).clamp(0, 1)


def metrics(estimate: torch.Tensor, target: torch.Tensor) -> dict[str, torch.Tensor]:
    """Metrics per image [b]."""
    mse = (estimate - target).square().mean((1, 2, 3))
    bce = functional.binary_cross_entropy(estimate.clamp(1e-7, 1 - 1e-7), target, reduction="none").mean((1, 2, 3))
    return {"psnr": -10 * mse.clamp_min(1e-10).log10(), "ssim": ssim(estimate, target), "mse": mse, "bce": bce}


@torch.inference_mode()
def evaluate(model: Any, images: torch.Tensor, seed: int) -> dict[str, dict[str, float]]:
    """Mean metrics of noisy and restored images."""
    torch.manual_seed(seed)
    sums: dict[str, dict[str, float]] = {"noisy": {}, "test": {}}
    for batch in images.split(TEST_BATCH):
        target = to_float(batch)
        noisy = corrupt(target)
        for part, estimate in (("noisy", noisy), ("test", torch.sigmoid(model(noisy)))):
            for name, values in metrics(estimate, target).items():
                sums[part][name] = sums[part].get(name, 0.0) + float(values.sum()) / len(images)
    return sums


def learning_rate(step: int, steps: int) -> float:
    """Linear warm-up, then cosine decay to 0."""
    warm_up = min(WARM_UP, steps // 10)
    if step < warm_up:
        return PEAK * step / warm_up
    return PEAK * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))


def train(model: Any, splits: dict[str, torch.Tensor], epochs: int, seed: int, mode: str, folder: Path) -> None:
    """Trains a model, with a row of metrics.csv every 20 steps, and a validation and a checkpoint per epoch."""
    images = splits["train"]
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK, weight_decay=WEIGHT_DECAY, fused=True)

    def loss_of(image: torch.Tensor) -> torch.Tensor:
        target = to_float(image)
        return functional.binary_cross_entropy_with_logits(model(corrupt(target)), target)

    compiled = torch.compile(loss_of) if mode == "compiled" else loss_of
    per_epoch = -(-len(images) // BATCH)
    with (folder / "metrics.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("step", "loss", "validation_psnr"))
        for epoch in range(epochs):
            # The last batch is filled with images from the beginning: one shape for all batches.
            order = torch.randperm(len(images))
            order = torch.cat([order, order[: per_epoch * BATCH - len(images)]]).split(BATCH)
            for step, chosen in enumerate(order, epoch * per_epoch):
                for group in optimizer.param_groups:
                    group["lr"] = learning_rate(step, epochs * per_epoch)
                optimizer.zero_grad(set_to_none=True)
                loss = compiled(images[chosen])
                loss.backward()
                optimizer.step()
                if step % LOG_EVERY == 0:
                    rows.writerow((step, loss.item(), ""))
            state = torch.get_rng_state()
            rows.writerow((step, "", evaluate(model, splits["validation"], seed)["test"]["psnr"]))
            torch.set_rng_state(state)
            torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, folder / f"{epoch}.pt")


def draw(model: Any, images: torch.Tensor, path: Path) -> None:
    """Saves a picture of clean, noisy and restored images."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    clean = to_float(images[:8])
    noisy = corrupt(clean)
    with torch.inference_mode():
        restored = torch.sigmoid(model(noisy))
    figure, axes = pyplot.subplots(3, 8, figsize=(8, 3))
    for row, batch in zip(axes, (clean, noisy, restored), strict=True):
        for axis, image in zip(row, batch, strict=True):
            axis.imshow(image[0].numpy(), cmap="gray", vmin=0, vmax=1)
            axis.axis("off")
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def run(decoder: str, seed: int, splits: dict[str, torch.Tensor], options: Any, folder: Path) -> dict[str, Any]:
    """One run, with its files in a folder. Returns its summary."""
    began = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    model = autoencoder(decoder).to(memory_format=torch.channels_last)
    train(model, splits, options.epochs, seed, options.mode, folder)
    model.eval()
    summary = {"decoder": decoder, "seed": seed, "epochs": options.epochs, **evaluate(model, splits["test"], seed)}
    draw(model, splits["test"], folder / "samples.png")
    summary["wall_seconds"] = time.perf_counter() - began
    (folder / "summary.json").write_text(json.dumps(summary, indent=2))
    return summary


def main() -> None:
    """Parses the options and makes the runs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("AEDEN_DATA", ".")))
    parser.add_argument("--decoders", default="transpose")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--mode", choices=("eager", "compiled"), default="eager")
    options = parser.parse_args()
    torch.set_flush_denormal(True)
    train_images, test = (
        read_idx(options.data, "train-images-idx3-ubyte"),
        read_idx(options.data, "t10k-images-idx3-ubyte"),
    )
    kept = len(train_images) - len(train_images) // 12
    splits = {"train": train_images[:kept], "validation": train_images[kept:], "test": test}
    runs = [
        run(decoder, seed, splits, options, options.folder / f"{decoder}-{seed}")
        for decoder in options.decoders.split(",")
        for seed in range(options.seeds)
    ]
    (options.folder / "grid.json").write_text(json.dumps(runs, indent=2))


if __name__ == "__main__":
    main()
