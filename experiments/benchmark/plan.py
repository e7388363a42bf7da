"""The comparisons of each section: which job is timed with which settings, on which peers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aeden.runtime import processes
from aeden.runtime.devices import cpu_device_count

SECTIONS = ("layers", "training", "dense", "inference", "scaling", "startup")
DECODERS = ("transpose", "upsample")

# Kernel, stride, height and width of the input, channels in, channels out. The README quotes the first one.
LAYERS = ((3, 2, 14, 32, 32), (4, 2, 14, 32, 32), (3, 2, 7, 128, 64))
PASSES = ("forward", "input gradient", "kernel gradient", "forward and backward")
LAYER_PEERS = ("aeden", "aeden (reference lowering)", "plain Flax", "PyTorch", "PyTorch (channels last)")
DENSE_PEERS = ("aeden", "PyTorch", "PyTorch (compiled)", "PyTorch (CUDA graphs)")
QUICK_PEERS = ("aeden", "plain Flax", "Keras on TensorFlow", "PyTorch (channels last)")


@dataclass(frozen=True)
class Comparison:
    """One job that is timed on several peers.

    Attributes:
      section: section of the results.
      job: name of the function that builds the job, see `experiments.benchmark.peers`.
      peers: names of the peers, keys of `race.PEERS`.
      settings: keyword arguments of that function.
      own_processes: start new processes for this comparison. A process cannot change its number of CPU devices.
    """

    section: str
    job: str
    peers: tuple[str, ...]
    settings: dict[str, Any]
    own_processes: bool = False


@dataclass(frozen=True)
class Options:
    """What the command line chooses.

    Attributes:
      quick: measure fewer sizes and peers.
      peers: names of the peers, keys of `race.PEERS`.
      decoders: entries of `DECODERS`.
      batch: images per training step.
    """

    quick: bool
    peers: tuple[str, ...]
    decoders: tuple[str, ...]
    batch: int

    def peers_in(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The chosen peers that are in `names`, in the order of `names`."""
        return tuple(name for name in names if name in self.peers)

    @property
    def network_peers(self) -> tuple[str, ...]:
        """The chosen peers for whole networks."""
        return tuple(name for name in self.peers if name in QUICK_PEERS) if self.quick else self.peers


def plan(sections: Sequence[str], options: Options) -> list[Comparison]:
    """The comparisons of some sections. `startup` and `quality` have none, see `whole_process`."""
    return [comparison for section in sections if section in _PLANS for comparison in _PLANS[section](options)]


def _training(options: Options) -> list[Comparison]:
    return [
        Comparison(
            "training",
            "training",
            options.network_peers,
            {"decoder": decoder, "batch": options.batch, "size": 28},
        )
        for decoder in options.decoders
    ]


def _dense(options: Options) -> list[Comparison]:
    if options.quick:
        return []
    peers = options.peers_in(DENSE_PEERS)
    return [
        Comparison("dense", "dense", peers, {"network": network, "batch": options.batch}, own_processes=True)
        for network in ("autoencoder", "classifier")
    ]


def _inference(options: Options) -> list[Comparison]:
    return [
        Comparison(
            "inference",
            "inference",
            options.network_peers,
            {"decoder": decoder, "batch": batch, "size": 28},
        )
        for decoder in options.decoders
        for batch in (1, 256)
    ]


def _layers(options: Options) -> list[Comparison]:
    return [
        Comparison(
            "layers",
            "layer",
            options.peers_in(LAYER_PEERS),
            {
                "kind": kind,
                "pass_": pass_,
                "batch": options.batch,
                "size": size,
                "channels": channels,
                "features": features,
                "kernel": kernel,
                "stride": stride,
            },
        )
        for kernel, stride, size, channels, features in (LAYERS[:1] if options.quick else LAYERS)
        for kind in options.decoders
        for pass_ in (PASSES[-1:] if options.quick else PASSES)
    ]


def _scaling(options: Options) -> list[Comparison]:
    if options.quick:
        return []
    settings = [{"batch": options.batch, "size": 28, "devices": count} for count in device_counts(options.batch)]
    settings += [{"batch": batch, "size": 28} for batch in (32, 128, 512, 1024, 4096)]
    settings += [{"batch": batch, "size": size} for batch, size in ((128, 64), (32, 128), (8, 256), (4, 512))]
    return [
        Comparison("scaling", "training", ("aeden",), {"decoder": decoder, **each}, own_processes=True)
        for decoder in options.decoders
        for each in settings
    ]


def device_counts(batch: int) -> list[int]:
    """Numbers of CPU devices to measure: powers of two, and the number that aeden would choose for the batch."""
    most = cpu_device_count(batch, processes.cores())
    return sorted({count for count in (1, 2, 4, 8, 16, 32, 64, most) if count <= most})


_PLANS: dict[str, Callable[[Options], list[Comparison]]] = {
    "training": _training,
    "dense": _dense,
    "inference": _inference,
    "layers": _layers,
    "scaling": _scaling,
}
