"""The peers: aeden and the libraries that it is compared with, as documented and in the configurations to search."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Mapping

from aeden.runtime import malloc
from aeden.runtime.processes import cores
from experiments.benchmark.race import Worker

# aeden runs with the allocator settings of experiments.main; the others as their users run them.
TUNED = {"GLIBC_TUNABLES": malloc.TUNABLES}
# On a GPU the processes share its memory: none may reserve it all.
SHARED_GPU = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
# Name of the configuration of a library that the search found to be fastest.
BEST_FOUND = "{} (best configuration found)"


@dataclasses.dataclass(frozen=True)
class Peer:
    """A library as it runs in one process.

    Attributes:
      name: name in the tables.
      module: module of `experiments.benchmark.peers`.
      variant: what the module makes of it, see there.
      environment: environment variables of the process, in addition to those of this one.
    """

    name: str
    module: str
    variant: str = ""
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def start(self) -> Worker:
        """Starts its process."""
        return Worker(
            [sys.executable, "-m", "experiments.benchmark.peers", f"{self.module} {self.variant}"],
            {"TF_CPP_MIN_LOG_LEVEL": "3", **SHARED_GPU, **os.environ, **self.environment},
        )


def _by_name(*peers: Peer) -> dict[str, Peer]:
    return {peer.name: peer for peer in peers}


PEERS = _by_name(
    Peer("aeden", "aeden_itself", "", TUNED),
    Peer("aeden (reference lowering)", "aeden_itself", "reference", TUNED),
    Peer("aeden (fast lowering)", "aeden_itself", "fast", TUNED),
    Peer("plain Flax", "plain_flax"),
    Peer("Keras on TensorFlow", "keras3", "tensorflow"),
    Peer("Keras on JAX", "keras3", "jax"),
    Peer("PyTorch", "pytorch"),
    Peer("PyTorch (channels last)", "pytorch", "channels_last"),
    Peer("PyTorch (compiled)", "pytorch", "channels_last compile=default"),
    Peer("PyTorch (CUDA graphs)", "pytorch", "channels_last compile=reduce-overhead graphs"),
)
# Libraries whose best configuration is searched. The tables compare aeden with the fastest peer of these libraries.
SEARCHED = ("Keras", "PyTorch")


def library(name: str) -> str:
    """The searched library that a peer belongs to by its name; "" for aeden and plain Flax."""
    return next((one for one in SEARCHED if name.startswith(one)), "")


def configurations(searched: str, on_cpu: bool) -> tuple[Peer, ...]:
    """The configurations of a library that the search tries, most promising first."""
    return tuple(_pytorch(on_cpu) if searched == "PyTorch" else _keras(on_cpu))


def _pytorch(on_cpu: bool) -> list[Peer]:
    if not on_cpu:
        return [
            Peer(f"{'' if layout else 'contiguous, '}{words or 'eager'}", "pytorch", f"{layout} {compiled}")
            for words, compiled in (
                ("reduce-overhead", "compile=reduce-overhead"),
                ("max-autotune", "compile=max-autotune"),
                ("compiled", "compile=default"),
                ("", ""),
            )
            for layout in ("channels_last", "")
        ]
    flush = "flush_denormal"
    found = [
        Peer("channels last, flush denormal", "pytorch", f"channels_last {flush}"),
        Peer("contiguous, flush denormal", "pytorch", flush),
        Peer("channels last", "pytorch", "channels_last"),
        Peer("contiguous", "pytorch"),
        Peer("channels last, flush denormal, aeden's allocator settings", "pytorch", f"channels_last {flush}", TUNED),
        Peer("channels last, compiled, flush denormal", "pytorch", f"channels_last compile=default {flush}"),
        Peer(
            "channels last, compiled, flush denormal, aeden's allocator settings",
            "pytorch",
            f"channels_last compile=default {flush}",
            TUNED,
        ),
        Peer("contiguous, compiled, flush denormal", "pytorch", f"compile=default {flush}"),
        Peer(
            "channels last, reduce-overhead, flush denormal",
            "pytorch",
            f"channels_last compile=reduce-overhead {flush}",
        ),
        Peer("channels last, max-autotune, flush denormal", "pytorch", f"channels_last compile=max-autotune {flush}"),
    ]
    if cores() > 1:
        one = Peer("channels last, flush denormal, one thread", "pytorch", f"channels_last threads=1 {flush}")
        found.insert(5, one)
    return found


def _keras(on_cpu: bool) -> list[Peer]:
    found = [
        Peer("TensorFlow", "keras3", "tensorflow"),
        Peer(
            "TensorFlow, jit_compile=False, 16 steps per execution",
            "keras3",
            "tensorflow jit_compile=0 steps_per_execution=16",
        ),
        Peer("TensorFlow, jit_compile=False", "keras3", "tensorflow jit_compile=0"),
        Peer("TensorFlow, jit_compile=True", "keras3", "tensorflow jit_compile=1"),
        Peer("JAX", "keras3", "jax"),
        Peer("JAX, 16 steps per execution", "keras3", "jax steps_per_execution=16"),
        Peer("PyTorch backend", "keras3", "torch"),
        Peer("PyTorch backend, channels first", "keras3", "torch channels_first"),
    ]
    if on_cpu:
        without = {"TF_ENABLE_ONEDNN_OPTS": "0"}
        found.insert(
            3, Peer("TensorFlow, jit_compile=False, without oneDNN", "keras3", "tensorflow jit_compile=0", without)
        )
        found.insert(
            4,
            Peer(
                "TensorFlow, jit_compile=False, aeden's allocator settings", "keras3", "tensorflow jit_compile=0", TUNED
            ),
        )
        if cores() > 1:
            found.append(
                Peer("TensorFlow, jit_compile=False, one thread", "keras3", "tensorflow jit_compile=0 threads=1")
            )
    return found
