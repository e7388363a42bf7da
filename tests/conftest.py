"""The tests run on two CPU devices, with shapes checked at every call, and without the user's data, cache or home."""

import functools
import gc
import gzip
import http.server
import os
import platform
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# The workers of pytest-xdist and the commands that tests start would each compile all modules anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Of t-SNE: on two cores that other tests keep busy, its threads would wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Tests that need the real data ask for it (`real_data`); the others must not find it.
# pytest-xdist's workers inherit what is left of the environment here.
REAL_DATA = os.environ.pop("AEDEN_DATA", None) or os.environ.get("AEDEN_DATA_OF_TESTS")
if REAL_DATA:
    os.environ["AEDEN_DATA_OF_TESTS"] = REAL_DATA

from jaxtyping import install_import_hook  # noqa: E402

# Before any import of aeden: each annotated function then checks its arguments and results.
install_import_hook("aeden", "beartype.beartype")

import jax  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402
from ml_collections import ConfigDict  # noqa: E402
from PIL import Image  # noqa: E402

from aeden.data import mnist  # noqa: E402
from aeden.nn.parameters import make_init  # noqa: E402
from aeden.nn.super_resolution import SuperResolver  # noqa: E402
from aeden.runtime import files  # noqa: E402
from aeden.shapes import PyTree  # noqa: E402
from aeden.tasks import drawing  # noqa: E402
from aeden.tasks.model_from_config import build_model  # noqa: E402
from aeden.tasks.super_resolve.model_from_config import build_super_resolver  # noqa: E402
from aeden.training.checkpoints import Checkpoints  # noqa: E402
from configs import smoke, super_resolve_photos  # noqa: E402
from configs.ablations import grid_base  # noqa: E402

jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_cpu_enable_async_dispatch", False)
jax.config.update("jax_numpy_rank_promotion", "raise")
# What is compiled here runs once or twice: compiled quickly it takes less time in all. Flags are read with the first
# device. XLA's older emitters compile in a third of the time, and in one piece in a quarter. They compute a value that
# two kernels need once in each: with fused multiply-adds, so beyond AVX, the two differ in the last bit, and a pixel is
# then not equal to the maximum of its window, whose gradient is lost.
QUICKLY = "--xla_backend_optimization_level=0 --xla_cpu_parallel_codegen_split_count=1"
if platform.machine().lower() in ("x86_64", "amd64"):
    QUICKLY += " --xla_cpu_use_fusion_emitters=false --xla_cpu_max_isa=AVX"
OPTIMISED_LESS = f"{os.environ.get('XLA_FLAGS', '')} {QUICKLY}".strip()
with pytest.MonkeyPatch.context() as flags:
    flags.setenv("XLA_FLAGS", OPTIMISED_LESS)
    jax.devices()

# A run goes on after a figure that fails; a test must not.
drawing.STRICT = True

ROOT = Path(__file__).parent.parent
# A proxy where nobody listens: whatever the machine's network, a download fails at once.
OFFLINE = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")

# Tracing makes many objects: to look for garbage after every 700 of them takes 3 % of the time.
gc.set_threshold(50_000, 20, 50)


def pytest_collection_finish() -> None:
    """What is there before the first test is never garbage."""
    gc.collect()
    gc.freeze()


Main = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session", autouse=True)
def isolated(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[None]:
    """An empty home, an empty cache that all tests share, no data folder, and no network."""
    # The workers of pytest-xdist have folders side by side: they too share one cache.
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "isolated"
    folder.mkdir(exist_ok=True)
    # Tests that run the same training again and again compile it once.
    jax.config.update("jax_compilation_cache_dir", str(folder / "programs"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    patch = pytest.MonkeyPatch()
    patch.setenv("AEDEN_CACHE", str(folder / "cache"))
    patch.setenv("HOME", str(folder / "home"))
    patch.setenv("TFDS_DATA_DIR", str(folder / "tfds"))
    for name, value in OFFLINE.items():
        patch.setenv(name, value)
    for name in ("no_proxy", "NO_PROXY"):
        patch.delenv(name, raising=False)
    # The commands that tests start are compiled as these are; those of proofs as their users' are.
    if pytestconfig.option.markexpr == "not proof":
        patch.setenv("XLA_FLAGS", OPTIMISED_LESS)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with the real MNIST and notMNIST, named by AEDEN_DATA."""
    if REAL_DATA is None or not Path(REAL_DATA).is_dir():
        pytest.skip("the real MNIST and notMNIST are not here: name their folder with AEDEN_DATA")
    return Path(REAL_DATA).absolute()


@pytest.fixture
def settings() -> ConfigDict:
    """A grid of both decoders under two seeds, each run as small as they come."""
    config = grid_base.get_config()
    config.experiment = smoke.get_config()
    config.contenders.nearest = {"model": {"decoder": "upsample"}}
    config.contenders.k3 = {"model": {"decoder": "transpose"}}
    config.reference, config.seeds = "nearest", 2
    return config


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Starts `python -m ARGUMENTS` from the repository, where rank promotion raises as it does here."""
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        # SIGABRT then prints where each thread is.
        env={**os.environ, "JAX_NUMPY_RANK_PROMOTION": "raise", "PYTHONFAULTHANDLER": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="session")
def run_main() -> Main:
    """Runs `python -m experiments.main ARGUMENTS` to its end; checks that it succeeds unless told otherwise."""

    def run(*arguments: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        process = start("experiments.main", *arguments, **environment)
        out, err = process.communicate(timeout=300)
        result = subprocess.CompletedProcess(arguments, process.returncode, out, err)
        assert not check or result.returncode == 0, err
        return result

    return run


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers, the same in every run."""
    return np.random.default_rng(0)


def write_images(folder: Path, images: np.ndarray, classes: str = "AB") -> None:
    """Writes images [n, h, w] or [n, h, w, 3] as PNGs under class folders, turn by turn."""
    for i, image in enumerate(images):
        path = folder / classes[i % len(classes)] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small set of 300 blurred random 12x12 images under folders A and B."""
    folder = tmp_path_factory.mktemp("images")
    coarse = np.random.default_rng(1).integers(0, 256, (300, 3, 3), dtype=np.uint8)
    write_images(folder, np.kron(coarse, np.ones((1, 4, 4), np.uint8)))
    return folder


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a denoising run as a finished run leaves it, but with the parameters that it starts from."""
    config, folder = smoke.get_config(), tmp_path_factory.mktemp("runs") / "run"
    config.model.features = (4, 4)
    params = make_init(build_model(config, (12, 12, 1)), (12, 12, 1))(jax.random.key(0))
    # Larger than they start: the output then differs clearly from pixel to pixel.
    _finish(folder, config, jax.tree.map(lambda leaf: 2 * leaf, params))
    return folder


@pytest.fixture(scope="session")
def enlarging_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SuperResolver, PyTree]:
    """The folder of a run of super-resolution as a finished run leaves it, its network and parameters."""
    config, folder = super_resolve_photos.get_config(), tmp_path_factory.mktemp("runs") / "run"
    config.model.features, config.model.decoder_features = (4, 4), (4, 6)
    config.model.decoder, config.super_resolve.factor = "transpose", 4
    model = build_super_resolver(config, (24, 24, 1))
    params = jax.tree.map(lambda leaf: 2 * leaf, make_init(model, (6, 6, 1))(jax.random.key(0)))
    _finish(folder, config, params)
    return folder, model, params


def _finish(folder: Path, config: ConfigDict, params: PyTree) -> None:
    """Writes what a finished run with these parameters leaves for those who use it."""
    checkpoints = Checkpoints(folder / "checkpoints")
    checkpoints.save(4, {"params": params})
    checkpoints.close()
    files.write_json(folder / "config.json", {"config": config.to_dict(), "dataset": {}})
    files.write_json(folder / "summary.json", {"task": config.task, "tested_step": 4})


def idx(array: np.ndarray) -> bytes:
    """An array of bytes as the content of an IDX file."""
    return b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}i", *array.shape) + array.tobytes()


def write_mnist(folder: Path, digits: dict[str, np.ndarray], suffix: str) -> None:
    """Writes the four IDX files of MNIST, gzipped if the suffix is ".gz"."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, array in digits.items():
        content = idx(array)
        (folder / f"{mnist.FILES[part]}{suffix}").write_bytes(gzip.compress(content) if suffix else content)


class Server(NamedTuple):
    """A loopback web server: its address, and the folder that it serves."""

    url: str
    folder: Path


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A web server for the folder `tmp_path/www`, which may be reached although there is no network."""
    folder = tmp_path / "www"
    folder.mkdir()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield Server(f"http://127.0.0.1:{running.server_address[1]}/", folder)
        running.shutdown()


def stopping(batches: type, stops: list[tuple[int, int]]) -> type:
    """A subclass of `TrainBatches` that sends SIGTERM to this process when a (phase, step) of `stops` is drawn.

    Patch it into the module that makes the batches, fill `stops`, and the training is interrupted there.
    """

    class Stopping(batches):  # type: ignore[valid-type, misc]
        def __init__(self, *arguments: Any, **options: Any):
            super().__init__(*arguments, **options)
            self.phase = arguments[3] if len(arguments) > 3 else options.get("phase", 0)

        def at(self, step: int, count: int = 1) -> Any:
            if (self.phase, step) in stops:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().at(step, count)

    return Stopping
