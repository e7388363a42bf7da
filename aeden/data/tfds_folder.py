"""Data sets prepared by TensorFlow Datasets (TFDS), without TensorFlow: find, prepare and read their folders.

Reading decodes every image, so the decoded arrays and their hash are kept in the cache. A second start reads them from
there, without TFDS.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from aeden.data.dataset import Opened, name_splits
from aeden.data.image_members import skipped_notes
from aeden.data.splits import Split
from aeden.runtime.cache import cache_folder, only_one
from aeden.runtime.files import read_json, write_json


def data_folder(data_dir: str) -> Path:
    """The data folder: `data.dir`, else `AEDEN_DATA`, else `TFDS_DATA_DIR`, else `~/tensorflow_datasets`."""
    chosen = data_dir or os.environ.get("AEDEN_DATA") or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    return Path(chosen).expanduser()


def find(data_dir: Path, name: str) -> Path | None:
    """The newest prepared version of `name` ("mnist", "notmnist/small") in a TFDS data folder, or None."""
    versions = [path.parent for path in (data_dir / name).glob("*/dataset_info.json")]
    return max(versions, key=lambda path: [int(part) for part in path.name.split(".") if part.isdigit()], default=None)


def file_format(prepared: Path) -> str:
    """The record format of a prepared folder. Only "array_record" can be read without TensorFlow."""
    return json.loads((prepared / "dataset_info.json").read_text()).get("fileFormat", "tfrecord")


def find_readable(data_dir: Path, name: str) -> Path | None:
    """`find`, but None if the folder is in a format that needs TensorFlow."""
    prepared = find(data_dir, name)
    return prepared if prepared is not None and file_format(prepared) == "array_record" else None


def fingerprint(*paths: Path) -> str:
    """Changes when one of the files, or a file in one of the folders, changes its name, size or modification time."""
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted([path, *path.rglob("*")]) if path.is_dir() else [path]:
            try:
                status = file.stat()
            except OSError:  # a link that leads nowhere
                status = file.lstat()
            size = 0 if file.is_dir() else status.st_size
            digest.update(f"{os.path.realpath(file)} {size} {status.st_mtime_ns}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()[:20]


def prepare(make_builder: Callable[[Path], Any], data_dir: Path) -> None:
    """Runs a TFDS builder into `data_dir`, unless another process has already done so.

    Args:
      make_builder: data folder -> builder whose file format is array_record.
      data_dir: the folder to prepare in; created if it does not exist.
    """
    from tensorflow_datasets.core.download import DownloadConfig

    data_dir.mkdir(parents=True, exist_ok=True)
    with only_one(data_dir / ".aeden.lock"), _quiet():
        builder = make_builder(data_dir)
        print(f"preparing {builder.info.full_name} in {data_dir}, once ...", file=sys.stderr, flush=True)
        builder.download_and_prepare(download_config=DownloadConfig(compute_stats="skip"))


def read(prepared: Path) -> Opened:
    """The images of a prepared folder, from the cache if they were decoded before.

    Raises:
      ValueError: the format needs TensorFlow, there is no `image` feature or no train split, or images differ in size.
    """
    folder = cache_folder() / "arrays" / f"{fingerprint(prepared)}-2"  # 2: the version with class names
    folder.parent.mkdir(parents=True, exist_ok=True)
    with only_one(folder.parent / f"{folder.name}.lock"):
        if not (folder / "info.json").exists():
            _decode_into(prepared, folder)
    info = json.loads((folder / "info.json").read_text())
    splits = {}
    for name in info["splits"]:
        labels = folder / f"{name}_labels.npy"
        splits[name] = Split(
            np.load(folder / f"{name}_images.npy", mmap_mode="r"),
            np.load(labels) if labels.exists() else None,
            tuple(info["classes"]),
        )
    metadata = info["metadata"]
    notes = skipped_notes(metadata.get("skipped_files") or {}, sum((metadata.get("skipped") or {}).values()))
    return Opened(name_splits(splits, str(prepared)), notes, arrays=folder)


def remembered_sha256(arrays: Path, selection: dict[str, Any], compute: Callable[[], str]) -> str:
    """The hash of a selection of cached images, computed once and then kept next to them.

    A kept hash counts only for the same selection of unchanged array files; a missing, damaged or outdated one is
    computed again. Processes may do so at the same time: each writes a complete file.

    Args:
      arrays: the cache folder of the decoded images, see `Opened`.
      selection: everything that decides which of the images are hashed, as JSON values.
      compute: computes the hash, 64 hexadecimal digits.
    """
    key = {**selection, "arrays": fingerprint(*sorted(arrays.glob("*.npy")))}
    name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:20]
    path = arrays / f"sha256-{name}.json"
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        kept = read_json(path)
        if kept["key"] == key and re.fullmatch("[0-9a-f]{64}", kept["sha256"]):
            return kept["sha256"]
    sha256 = compute()
    # The hash is correct even if it cannot be kept, for example on a full disk.
    with contextlib.suppress(OSError):
        write_json(path, {"key": key, "sha256": sha256})
    return sha256


def _decode_into(prepared: Path, folder: Path) -> None:
    if file_format(prepared) != "array_record":
        raise ValueError(
            f"{prepared} is in {file_format(prepared)} format, which only TensorFlow can read: "
            "prepare it again with file_format='array_record'"
        )
    import tensorflow_datasets as tfds

    temporary = Path(tempfile.mkdtemp(dir=folder.parent))
    with _quiet():
        builder = tfds.builder_from_directory(prepared)
        for name, split in builder.info.splits.items():
            if split.num_examples:
                for kind, array in _decode_split(builder, name, split.num_examples).items():
                    np.save(temporary / f"{name}_{kind}.npy", array)
        # Only what a Python dict holds: TFDS' own metadata object reads its keys from a file.
        metadata = dict(builder.info.metadata or {})
        label = dict(builder.info.features.items()).get("label")
        classes = getattr(label, "names", None) or []
    splits = [name for name, split in builder.info.splits.items() if split.num_examples]
    (temporary / "info.json").write_text(json.dumps({"splits": splits, "classes": classes, "metadata": metadata}))
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(temporary, folder)


def _decode_split(builder: Any, name: str, count: int) -> dict[str, np.ndarray]:
    features = builder.info.features
    if "image" not in features:
        raise ValueError(f"{builder.info.full_name} has no `image` feature, only {', '.join(features)}")
    source = builder.as_data_source(split=name)
    arrays: dict[str, np.ndarray] = {}
    for start in range(0, count, 1000):
        index = range(start, min(start + 1000, count))
        for i, example in zip(index, source.__getitems__(list(index)), strict=True):
            image = np.asarray(example["image"])
            if not arrays:
                arrays["images"] = np.empty((count, *image.shape), np.uint8)
                if "label" in example:
                    arrays["labels"] = np.empty(count, np.int32)
            if image.shape != arrays["images"].shape[1:]:
                raise ValueError(
                    f"{builder.info.full_name} mixes image sizes: {image.shape} after {arrays['images'].shape[1:]} "
                    "[height, width, channels]: all images must have the same size"
                )
            arrays["images"][i] = image
            if "labels" in arrays:
                arrays["labels"][i] = example["label"]
    return arrays


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hides the progress bars and log messages of TFDS, which do not help a user of aeden."""
    import logging

    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)
