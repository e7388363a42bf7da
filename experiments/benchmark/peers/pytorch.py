"""PyTorch.

A variant is a list of words and options: "channels_last" (memory layout; contiguous without it), "compile=MODE" (a mode
of torch.compile), "graphs" (refused without a GPU), "threads=N", and "flush_denormal".
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from experiments.benchmark.peers import (
    DENSE,
    DROPOUT,
    LEARNING_RATE,
    MASKING,
    NOISE,
    UNET_NOISE,
    Absent,
    Job,
    LayerSettings,
    NetworkSettings,
    split_variant,
)
from experiments.benchmark.peers.pytorch_layers import layer_of
from experiments.benchmark.peers.pytorch_unet import unet_of


def autoencoder(decoder: str, channels: int = 1, decoder_kernel: int = 3) -> Any:
    """The network of the Keras example, with any decoder; its outputs are logits."""
    from torch import nn

    parts: list[Any] = []
    for inputs in (channels, 32):
        parts += [nn.Conv2d(inputs, 32, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2)]
    for _ in range(2):
        parts += [layer_of(decoder, 32, 32, decoder_kernel), nn.ReLU()]
    return nn.Sequential(*parts, nn.Conv2d(32, channels, 3, padding="same"))


def _set_up(variant: str, precision: str = "float32") -> Any:
    """Sets PyTorch up as the variant says, and returns the device."""
    import torch

    words, options = split_variant(variant)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if "graphs" in words and device.type == "cpu":
        raise Absent("CUDA graphs need a GPU")
    if "threads" in options:
        torch.set_num_threads(int(options["threads"]))
    if "flush_denormal" in words and not torch.set_flush_denormal(True):
        raise Absent("this processor cannot flush denormal numbers")
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    return device


def _prepared(model: Any, variant: str, device: Any) -> tuple[Any, Any]:
    """The model on its device in the variant's memory format, and that format."""
    import torch

    memory = torch.channels_last if "channels_last" in split_variant(variant)[0] else torch.contiguous_format
    return model.to(device).to(memory_format=memory), memory


def _compiled(function: Any, variant: str) -> Any:
    import torch

    mode = split_variant(variant)[1].get("compile")
    return function if mode is None else torch.compile(function, mode=mode)


def _cast(device: Any, precision: str) -> Any:
    """The context in which a forward pass runs."""
    import torch

    if precision != "bfloat16":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def training(variant: str, **settings: Any) -> Job:
    """Training steps: clipped Gaussian noise, binary cross-entropy, Adam. See `NetworkSettings`."""
    import torch

    s = NetworkSettings(**settings)
    device = _set_up(variant, s.precision)
    model, memory = _prepared(autoencoder(s.decoder, s.channels, s.decoder_kernel), variant, device)
    images = _random_images(s, device)

    def loss_of(image: Any) -> Any:
        target = (image.float() / 255).contiguous(memory_format=memory)
        noisy = (target + NOISE * torch.randn_like(target)).clamp(0, 1)
        with _cast(device, s.precision):
            logits = model(noisy)
        return torch.nn.functional.binary_cross_entropy_with_logits(logits.float(), target)

    compiled = _compiled(loss_of, variant)
    return _training_job(model, device, s.batch, len(images), lambda chosen: compiled(images[chosen]))


def unet(variant: str, **settings: Any) -> Job:
    """Training steps of the U-Net: Gaussian noise of a level drawn for each image, absolute error, Adam."""
    import torch

    s = NetworkSettings(**settings)
    device = _set_up(variant, s.precision)
    model, memory = _prepared(unet_of(s.decoder, s.channels, s.decoder_kernel), variant, device)
    images = _random_images(s, device)

    def loss_of(image: Any) -> Any:
        target = (image.float() / 255).contiguous(memory_format=memory)
        level = UNET_NOISE * torch.rand(len(target), 1, 1, 1, device=device)
        noisy = target + level * torch.randn_like(target)
        with _cast(device, s.precision):
            restored = model(noisy)
        return torch.nn.functional.l1_loss(restored.float(), target)

    compiled = _compiled(loss_of, variant)
    return _training_job(model, device, s.batch, len(images), lambda chosen: compiled(images[chosen]))


def _random_images(s: NetworkSettings, device: Any) -> Any:
    """Four batches of random images, uint8 [4 b, c, h, w], on the device."""
    import torch

    shape = (4 * s.batch, s.channels, s.size, s.size)
    return torch.as_tensor(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)).to(device)


def dense(variant: str, network: str, batch: int) -> Job:
    """Training steps of a dense network, see `aeden_itself.dense`: masking noise, Adam."""
    import torch
    from torch import nn

    device = _set_up(variant)
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


def inference(variant: str, **settings: Any) -> Job:
    """Restoring a batch of noisy images, NumPy array in, NumPy array out. See `NetworkSettings`."""
    import torch

    s = NetworkSettings(**settings)
    device = _set_up(variant, s.precision)
    model, memory = _prepared(autoencoder(s.decoder, s.channels, s.decoder_kernel).eval(), variant, device)
    compiled = _compiled(lambda x: torch.sigmoid(model(x).float()), variant)
    noisy = np.random.default_rng(0).uniform(size=(s.batch, s.channels, s.size, s.size)).astype(np.float32)

    def run(steps: int) -> None:
        with torch.inference_mode(), _cast(device, s.precision):
            for _ in range(steps):
                compiled(torch.from_numpy(noisy).to(device).contiguous(memory_format=memory)).cpu().numpy()

    return run, _description(device)


def layer(variant: str, **settings: Any) -> Job:
    """One pass of a decoder layer, see `LayerSettings`."""
    import torch

    s = LayerSettings(**settings)
    device = _set_up(variant, s.precision)
    module, memory = _prepared(layer_of(s.kind, s.channels, s.features, s.kernel, s.stride), variant, device)
    compiled = _compiled(module, variant)
    shapes = ((s.channels, s.size), (s.features, s.output_size))
    kind = torch.bfloat16 if s.precision == "bfloat16" else torch.float32
    x, g = (
        torch.randn(s.batch, c, n, n, device=device, dtype=kind).contiguous(memory_format=memory) for c, n in shapes
    )
    parameters = list(module.parameters())
    wanted = {"forward": [], "input gradient": [x], "kernel gradient": parameters}.get(s.pass_, [x, *parameters])
    for tensor in (x, *parameters):
        tensor.requires_grad_(any(tensor is one for one in wanted))

    def forward() -> Any:
        with _cast(device, s.precision):
            return compiled(x)

    out = forward() if s.pass_.endswith("gradient") else None

    def run(steps: int) -> None:
        for _ in range(steps):
            if s.pass_ == "forward":
                with torch.inference_mode():
                    forward()
            elif out is not None:
                torch.autograd.grad(out, wanted, g, retain_graph=True)
            else:
                torch.autograd.grad(forward(), wanted, g)
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
