"""Prepared TFDS folders without TensorFlow: find them, prepare them, and read them into arrays.

Reading decodes every image, so the arrays are kept in the cache; a second start imports no TFDS at all.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from aeden.data.splits import Split
from aeden.runtime.cache import cache_folder, only_one


def find(data_dir: Path, name: str) -> Path | None:
    """The newest prepared version of `name` ("mnist", "notmnist/small") in a TFDS data folder, or None."""
    versions = [path.parent for path in (data_dir / name).glob("*/dataset_info.json")]
    return max(versions, key=lambda path: [int(part) for part in path.name.split(".") if part.isdigit()], default=None)


def file_format(prepared: Path) -> str:
    """The record format of a prepared folder; only "array_record" can be read without TensorFlow."""
    return json.loads((prepared / "dataset_info.json").read_text()).get("fileFormat", "tfrecord")


def find_readable(data_dir: Path, name: str) -> Path | None:
    """`find`, but None for a folder that TFDS prepared with TensorFlow, and that only TensorFlow reads."""
    found = find(data_dir, name)
    return found if found is not None and file_format(found) == "array_record" else None


def fingerprint(*paths: Path) -> str:
    """Changes when a file, or a file under a folder, changes in name, size or time."""
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted([path, *path.rglob("*")]) if path.is_dir() else [path]:
            status = file.stat()
            size = 0 if file.is_dir() else status.st_size
            digest.update(f"{file.resolve()} {size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:20]


def prepare(make_builder: Callable[[Path], Any], data_dir: Path) -> None:
    """Runs a TFDS builder into `data_dir`, unless another process has done so meanwhile.

    Args:
      make_builder: data folder -> builder whose file format is array_record.
      data_dir: the folder to prepare in; made where it does not exist.
    """
    from tensorflow_datasets.core.download import DownloadConfig

    data_dir.mkdir(parents=True, exist_ok=True)
    with only_one(data_dir / ".aeden.lock"), _quiet():
        builder = make_builder(data_dir)
        print(f"preparing {builder.info.full_name} in {data_dir}, once ...", file=sys.stderr, flush=True)
        builder.download_and_prepare(download_config=DownloadConfig(compute_stats="skip"))


def read(prepared: Path) -> tuple[dict[str, Split], dict[str, Any]]:
    """All splits of a prepared folder as arrays, with the builder's metadata.

    Raises:
      ValueError: the folder's format needs TensorFlow, there is no `image` feature, or images differ in size.
    """
    folder = cache_folder() / "arrays" / f"{fingerprint(prepared)}-2"  # 2: with the names of the classes
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
    return splits, info["metadata"]


def _decode_into(prepared: Path, folder: Path) -> None:
    if file_format(prepared) != "array_record":
        raise ValueError(
            f"{prepared} is in {file_format(prepared)} form, which only TensorFlow reads: "
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
                    "[height, width, channels]: only sets of one size can be used"
                )
            arrays["images"][i] = image
            if "labels" in arrays:
                arrays["labels"][i] = example["label"]
    return arrays


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without TFDS' own bars and announcements, which say nothing to a user of aeden."""
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
