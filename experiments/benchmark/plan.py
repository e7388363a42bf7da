"""The comparisons of each section: which job is timed with which settings, on which peers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from aeden.runtime import processes
from aeden.runtime.devices import cpu_device_count
from experiments.benchmark.libraries import BEST_FOUND, SEARCHED, library

# The sections that are measured by default; "quality" and "dispatch" are measured if they are named.
SECTIONS = ("layers", "training", "variants", "unet", "dense", "inference", "scaling", "startup", "whole")
MORE_SECTIONS = ("quality", "dispatch")
DECODERS = ("transpose", "upsample", "subpixel")
# The decoders that the sections other than `variants` measure.
COMPARED = ("transpose", "upsample")

# Kernel, stride, height and width of the input, channels in, channels out. The README quotes the first one.
LAYERS = ((3, 2, 14, 32, 32), (4, 2, 14, 32, 32), (3, 2, 7, 128, 64))
PASSES = ("forward", "input gradient", "kernel gradient", "forward and backward")
# On a CPU aeden chooses between the fast and the reference lowering as measured; on a GPU the table decides.
GPU_ONLY_PEERS = ("aeden (fast lowering)",)
LAYER_PEERS = (
    "aeden",
    "aeden (reference lowering)",
    "aeden (fast lowering)",
    "plain Flax",
    "PyTorch",
    "PyTorch (channels last)",
)
GPU_LAYER_PEERS = (*LAYER_PEERS, "PyTorch (compiled)", "PyTorch (CUDA graphs)")
UNET_PEERS = (
    "aeden",
    "aeden (reference lowering)",
    "plain Flax",
    "PyTorch",
    "PyTorch (channels last)",
    "PyTorch (compiled)",
    "PyTorch (CUDA graphs)",
)
DENSE_PEERS = ("aeden", "PyTorch", "PyTorch (compiled)", "PyTorch (CUDA graphs)")
QUICK_PEERS = ("aeden", "plain Flax", "Keras on TensorFlow", "PyTorch (channels last)")
# Networks of the section `variants`: settings that differ from those of the section `training`.
VARIANTS: tuple[dict[str, Any], ...] = (
    {"decoder": "subpixel", "size": 28},
    {"decoder": "transpose", "size": 28, "decoder_kernel": 4},
    {"decoder": "transpose", "size": 64, "channels": 3, "batch": 32},
    {"decoder": "upsample", "size": 64, "channels": 3, "batch": 32},
)


# Crops of photos, as configs/photos_gray.py trains on them.
UNET = {"size": 64, "batch": 16}


@dataclass(frozen=True)
class Comparison:
    """One job that is timed on several peers.

    Attributes:
      section: section of the results.
      job: name of the function that builds the job, see `experiments.benchmark.peers`.
      peers: names of the peers, keys of `libraries.PEERS`.
      settings: keyword arguments of that function.
      own_processes: start new processes for this comparison. A process cannot change its number of CPU devices.
      searched: libraries whose best configuration is searched first and then takes part.
    """

    section: str
    job: str
    peers: tuple[str, ...]
    settings: dict[str, Any]
    own_processes: bool = False
    searched: tuple[str, ...] = ()

    @property
    def found_names(self) -> tuple[str, ...]:
        """Names of the best configurations in the tables."""
        return tuple(BEST_FOUND.format(name) for name in self.searched)


@dataclass(frozen=True)
class Options:
    """What the command line chooses.

    Attributes:
      quick: measure fewer sizes and peers.
      peers: names of the peers, keys of `libraries.PEERS`.
      decoders: entries of `DECODERS`.
      batches: images per training step.
      precisions: entries of `peers.PRECISIONS`.
      dispatches: steps per call to the devices, of the section `dispatch`.
      on_cpu: there is no GPU.
      search: search the best configurations of the other libraries.
      passes: entries of `PASSES`, of the section `layers`.
    """

    quick: bool
    peers: tuple[str, ...]
    decoders: tuple[str, ...]
    batches: tuple[int, ...]
    precisions: tuple[str, ...] = ("float32",)
    dispatches: tuple[int, ...] = ()
    on_cpu: bool = True
    search: bool = False
    passes: tuple[str, ...] = PASSES

    def peers_in(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The chosen peers that are in `names`, in the order of `names`."""
        hidden = GPU_ONLY_PEERS if self.on_cpu else ()
        return tuple(name for name in names if name in self.peers and name not in hidden)

    @property
    def network_peers(self) -> tuple[str, ...]:
        """The chosen peers for whole networks."""
        return self.peers_in(QUICK_PEERS if self.quick else self.peers)

    @property
    def compared(self) -> tuple[str, ...]:
        """The chosen decoders of the sections other than `variants`."""
        return tuple(name for name in self.decoders if name in COMPARED)

    def searched(self, peers: tuple[str, ...]) -> tuple[str, ...]:
        """The libraries to search, for a comparison of some peers."""
        return tuple(name for name in SEARCHED if self.search and name in {library(peer) for peer in peers})

    def sizes(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Batch size and precision of the repetitions of a comparison; float32 is not named in settings."""
        for precision in self.precisions:
            for batch in self.batches:
                yield batch, {} if precision == "float32" else {"precision": precision}


def plan(sections: Sequence[str], options: Options) -> list[Comparison]:
    """The comparisons of some sections. `startup`, `quality` and `whole` have none, see `whole_process` and `whole`."""
    return [comparison for section in sections if section in _PLANS for comparison in _PLANS[section](options)]


def _networks(section: str, options: Options, settings: list[dict[str, Any]]) -> list[Comparison]:
    """Comparisons of the training of whole networks."""
    peers = options.network_peers
    return [Comparison(section, "training", peers, each, searched=options.searched(peers)) for each in settings]


def _training(options: Options) -> list[Comparison]:
    settings = [
        {"decoder": decoder, "batch": batch, "size": 28, **precision}
        for decoder in options.compared
        for batch, precision in options.sizes()
    ]
    return _networks("training", options, settings)


def _variants(options: Options) -> list[Comparison]:
    if options.quick:
        return []
    settings = [
        {"batch": batch, **variant, **precision}
        for variant in VARIANTS
        if variant["decoder"] in options.decoders
        for batch, precision in options.sizes()
    ]
    return _networks("variants", options, _without_repetitions(settings))


def _without_repetitions(settings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for i, each in enumerate(settings) if each not in settings[:i]]


def _unet(options: Options) -> list[Comparison]:
    if options.quick:
        return []
    peers = options.peers_in(UNET_PEERS)
    searched = tuple(name for name in options.searched(peers) if name == "PyTorch")
    return [
        Comparison("unet", "unet", peers, {"decoder": decoder, **UNET, **precision}, True, searched)
        for decoder in options.compared
        for precision in _without_repetitions([precision for _, precision in options.sizes()])
    ]


def _dense(options: Options) -> list[Comparison]:
    if options.quick:
        return []
    peers = options.peers_in(DENSE_PEERS)
    return [
        Comparison("dense", "dense", peers, {"network": network, "batch": batch}, own_processes=True)
        for network in ("autoencoder", "classifier")
        for batch in options.batches
    ]


def _inference(options: Options) -> list[Comparison]:
    peers = options.network_peers
    settings = [
        {"decoder": decoder, "batch": batch, "size": 28, **precision}
        for decoder in options.compared
        for batch in (1, 256)
        for precision in _without_repetitions([precision for _, precision in options.sizes()])
    ]
    return [Comparison("inference", "inference", peers, each, searched=options.searched(peers)) for each in settings]


def _layers(options: Options) -> list[Comparison]:
    return [
        Comparison(
            "layers",
            "layer",
            options.peers_in(LAYER_PEERS if options.on_cpu else GPU_LAYER_PEERS),
            {
                "kind": kind,
                "pass_": pass_,
                "batch": batch,
                "size": size,
                "channels": channels,
                "features": features,
                "kernel": kernel,
                "stride": stride,
                **precision,
            },
        )
        for kernel, stride, size, channels, features in (LAYERS[:1] if options.quick else LAYERS)
        for batch, precision in options.sizes()
        for kind in options.compared
        for pass_ in (PASSES[-1:] if options.quick else options.passes)
    ]


def _scaling(options: Options) -> list[Comparison]:
    if options.quick or "aeden" not in options.peers:
        return []
    batch = options.batches[0]
    settings = [{"batch": batch, "size": 28, "devices": count} for count in device_counts(batch)]
    if not options.on_cpu:
        settings = []
    settings += [{"batch": batch, "size": 28} for batch in (32, 128, 512, 1024, 4096)]
    settings += [{"batch": batch, "size": size} for batch, size in ((128, 64), (32, 128), (8, 256), (4, 512))]
    return _of_aeden("scaling", options, settings)


def _dispatch(options: Options) -> list[Comparison]:
    settings = [
        {"batch": batch, "size": 28, "dispatch": dispatch, **precision}
        for batch, precision in options.sizes()
        for dispatch in options.dispatches
    ]
    return _of_aeden("dispatch", options, settings)


def _of_aeden(section: str, options: Options, settings: list[dict[str, Any]]) -> list[Comparison]:
    """Training steps of aeden alone."""
    return [
        Comparison(section, "training", ("aeden",), {"decoder": decoder, **each}, own_processes=True)
        for decoder in options.compared
        for each in settings
    ]


def device_counts(batch: int) -> list[int]:
    """Numbers of CPU devices to measure: powers of two, and the number that aeden would choose for the batch."""
    most = cpu_device_count(batch, processes.cores())
    return sorted({count for count in (1, 2, 4, 8, 16, 32, 64, most) if count <= most})


_PLANS: dict[str, Callable[[Options], list[Comparison]]] = {
    "training": _training,
    "variants": _variants,
    "unet": _unet,
    "dense": _dense,
    "inference": _inference,
    "layers": _layers,
    "scaling": _scaling,
    "dispatch": _dispatch,
}
