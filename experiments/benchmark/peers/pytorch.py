"""PyTorch. Variants: "eager", "channels_last", "compile" and "graphs" (CUDA graphs); the last two use channels last."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from experiments.benchmark.peers import DENSE, DROPOUT, LEARNING_RATE, MASKING, NOISE, Absent, Job, LayerSettings


def _layer(kind: str, channels: int, features: int, kernel: int = 3, stride: int = 2) -> Any:
    from torch import nn

    if kind == "transpose":
        padding = -((stride - kernel) // 2)
        return nn.ConvTranspose2d(
            channels, features, kernel, stride, padding, output_padding=stride - kernel + 2 * padding
        )
    return nn.Sequential(
        nn.Upsample(scale_factor=stride, mode="nearest"), nn.Conv2d(channels, features, kernel, padding="same")
    )


def _autoencoder(decoder: str) -> Any:
    from torch import nn

    parts: list[Any] = []
    for channels in (1, 32):
        parts += [nn.Conv2d(channels, 32, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2)]
    for _ in range(2):
        parts += [_layer(decoder, 32, 32), nn.ReLU()]
    return nn.Sequential(*parts, nn.Conv2d(32, 1, 3, padding="same"))


def _device(variant: str) -> Any:
    import torch

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if variant == "graphs" and device.type == "cpu":
        raise Absent("CUDA graphs need a GPU")
    return device


def _prepared(model: Any, variant: str, device: Any) -> tuple[Any, Any]:
    """The model on its device in the variant's memory format, and that format."""
    import torch

    memory = torch.contiguous_format if variant == "eager" else torch.channels_last
    return model.to(device).to(memory_format=memory), memory


def _compiled(function: Any, variant: str) -> Any:
    import torch

    if variant in ("compile", "graphs"):
        return torch.compile(function, mode="reduce-overhead" if variant == "graphs" else None)
    return function


def training(variant: str, decoder: str, batch: int, size: int) -> Job:
    """Training steps: clipped Gaussian noise, binary cross-entropy, Adam."""
    import torch

    device = _device(variant)
    model, memory = _prepared(_autoencoder(decoder), variant, device)
    images = torch.as_tensor(np.random.default_rng(0).integers(0, 256, (4 * batch, 1, size, size), dtype=np.uint8))
    images = images.to(device)

    def loss_of(image: Any) -> Any:
        target = (image.float() / 255).contiguous(memory_format=memory)
        noisy = (target + NOISE * torch.randn_like(target)).clamp(0, 1)
        return torch.nn.functional.binary_cross_entropy_with_logits(model(noisy), target)

    compiled = _compiled(loss_of, variant)
    return _training_job(model, device, batch, len(images), lambda chosen: compiled(images[chosen]))


def dense(variant: str, network: str, batch: int) -> Job:
    """Training steps of a dense network, see `aeden_itself.dense`: masking noise, Adam."""
    import torch
    from torch import nn

    device = _device(variant)
    model = _dense_network(network).to(device)
    rng = np.random.default_rng(0)
    images = torch.as_tensor(rng.integers(0, 256, (4 * batch, 784), dtype=np.uint8)).to(device)
    labels = torch.as_tensor(rng.integers(0, 10, 4 * batch)).to(device)

    def loss_of(image: Any, label: Any) -> Any:
        target = image.float() / 255
        logits = model(target * (torch.rand_like(target) >= MASKING))
        if network == "classifier":
            return nn.functional.cross_entropy(logits, label)
        return nn.functional.binary_cross_entropy_with_logits(logits, target)

    compiled = _compiled(loss_of, variant)
    return _training_job(model, device, batch, len(images), lambda chosen: compiled(images[chosen], labels[chosen]))


def _dense_network(network: str) -> Any:
    """The network of `dense`: "autoencoder", or "classifier" with ten classes and dropout."""
    from torch import nn

    widths, parts = (784, *DENSE), []
    for m, n in itertools.pairwise(widths):
        parts += [nn.Linear(m, n), nn.ReLU(), *([nn.Dropout(DROPOUT)] if network == "classifier" else [])]
    if network == "classifier":
        parts.append(nn.Linear(widths[-1], 10))
    else:
        for m, n in itertools.pairwise(reversed(widths)):
            parts += [nn.Linear(m, n), nn.ReLU()]
        parts.pop()
    return nn.Sequential(*parts)


def _training_job(model: Any, device: Any, batch: int, count: int, loss_of: Callable[[Any], Any]) -> Job:
    """Adam steps on random batches.

    Args:
      model: already on the device.
      device: a torch.device.
      batch: images per step.
      count: number of images.
      loss_of: indices of the chosen images [batch] -> loss.
    """
    import torch

    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)
    order = torch.Generator().manual_seed(1)

    def run(steps: int) -> None:
        for _ in range(steps):
            chosen = torch.randint(count, (batch,), generator=order).to(device)
            optimizer.zero_grad(set_to_none=True)
            loss_of(chosen).backward()
            optimizer.step()
        _wait_for(device)

    return run, {**_description(device), "parameters": sum(p.numel() for p in model.parameters())}


def inference(variant: str, decoder: str, batch: int, size: int) -> Job:
    """Restoring a batch of noisy images, NumPy array in, NumPy array out."""
    import torch

    device = _device(variant)
    model, memory = _prepared(_autoencoder(decoder).eval(), variant, device)
    compiled = _compiled(lambda x: torch.sigmoid(model(x)), variant)
    noisy = np.random.default_rng(0).uniform(size=(batch, 1, size, size)).astype(np.float32)

    def run(steps: int) -> None:
        with torch.inference_mode():
            for _ in range(steps):
                compiled(torch.from_numpy(noisy).to(device).contiguous(memory_format=memory)).cpu().numpy()

    return run, _description(device)


def layer(variant: str, **settings: Any) -> Job:
    """One pass of a decoder layer, see `LayerSettings`."""
    import torch

    s = LayerSettings(**settings)
    device = _device(variant)
    module, memory = _prepared(_layer(s.kind, s.channels, s.features, s.kernel, s.stride), variant, device)
    compiled = _compiled(module, variant)
    x = torch.randn(s.batch, s.channels, s.size, s.size, device=device).contiguous(memory_format=memory)
    g = torch.randn(s.batch, s.features, s.output_size, s.output_size, device=device).contiguous(memory_format=memory)
    parameters = list(module.parameters())
    wanted = {"forward": [], "input gradient": [x], "kernel gradient": parameters}.get(s.pass_, [x, *parameters])
    for tensor in (x, *parameters):
        tensor.requires_grad_(any(tensor is one for one in wanted))
    out = compiled(x) if s.pass_.endswith("gradient") else None

    def run(steps: int) -> None:
        for _ in range(steps):
            if s.pass_ == "forward":
                with torch.inference_mode():
                    compiled(x)
            elif out is not None:
                torch.autograd.grad(out, wanted, g, retain_graph=True)
            else:
                torch.autograd.grad(compiled(x), wanted, g)
        _wait_for(device)

    return run, _description(device)


def _wait_for(device: Any) -> None:
    """Waits until all kernels on a GPU are done; on a CPU they are."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize()


def _description(device: Any) -> dict[str, Any]:
    import torch

    name = f"{torch.get_num_threads()} threads" if device.type == "cpu" else torch.cuda.get_device_name()
    return {"devices": name, "version": torch.__version__}
