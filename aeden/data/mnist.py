"""`mnist`: handwritten digits (LeCun et al. 1998), from the published IDX files, on disk or downloaded."""

from __future__ import annotations

import gzip
import hashlib
import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from aeden.data.dataset import Opened
from aeden.data.published import checked_download, open_published
from aeden.data.tfds_folder import data_folder

# The mirror that TFDS' own builder uses.
URL = "https://storage.googleapis.com/cvdf-datasets/mnist/"
FILES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
# md5 of the uncompressed published files. It is checked for downloads only: files on disk may hold another data set in
# the same format.
MD5 = {
    "train_images": "6bbc9ace898e44ae57da46a324031adb",
    "train_labels": "a25bea736e30d166cdddb491f175f624",
    "test_images": "2646ac647ad5339dbf082846283269ea",
    "test_labels": "27ae3e4e09519cfbb04c329615203637",
}
# Bytes of an unpacked file. The largest of MNIST has 47 million.
LARGEST = 1 << 30


def open_set(name: str, data_dir: str, limit: int) -> Opened:
    """Opens MNIST: a source of `aeden.data.sources.SOURCES`. Raises what `open_published` raises."""
    files = find_files(data_folder(data_dir))
    return open_published(name, data_dir, files, URL, "its four IDX files", lambda folder: make_builder(folder, files))


def find_files(data_dir: Path) -> dict[str, Path] | None:
    """The four IDX files, gzipped or not, in a data folder, its `mnist` or its `MNIST/raw` (torchvision's layout).

    None if no folder contains all four.
    """
    for folder in (data_dir, data_dir / "mnist", data_dir / "MNIST" / "raw"):
        files = {}
        for part, name in FILES.items():
            spellings = (name, name.replace("-idx", ".idx"))
            candidates = [folder / f"{spelling}{suffix}" for spelling in spellings for suffix in (".gz", "")]
            files[part] = next((path for path in candidates if path.is_file()), None)
        if all(files.values()):
            return {part: path for part, path in files.items() if path is not None}
    return None


def read_idx(path: Path, md5: str | None = None) -> np.ndarray:
    """The array in an IDX file of bytes, gzipped or not: uint8, of the shape stated in the header.

    Args:
      path: the file.
      md5: expected md5 of the uncompressed content; None accepts any content.

    Raises:
      ValueError: the file is truncated, damaged or not an IDX file, or has another md5.
    """
    content = _unpacked(path)
    if md5 is not None and hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
        raise ValueError(f"{path} is not the published file: delete it and start again")
    if len(content) < 4 or content[:3] != b"\0\0\x08":
        raise ValueError(f"{path} is not an IDX file of bytes: download it again")
    dimensions = content[3]
    shape = tuple(int(n) for n in np.frombuffer(content[4 : 4 + 4 * dimensions], ">u4"))
    pixels = memoryview(content)[4 + 4 * dimensions :]
    if len(shape) != dimensions or len(pixels) != math.prod(shape):
        raise ValueError(f"{path} is truncated: its header promises {shape}, but it contains {len(pixels)} bytes")
    return np.frombuffer(pixels, np.uint8).reshape(shape)


def _downloaded(path: Path, md5: str | None) -> np.ndarray:
    return checked_download(path, lambda: read_idx(path, md5))


def _unpacked(path: Path) -> bytes:
    """The content of a file, gzipped or not, of at most `LARGEST` bytes."""
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else open(path, "rb") as file:
            content = file.read(LARGEST + 1)
    except (EOFError, zlib.error, OSError) as error:
        raise ValueError(f"{path} is truncated or damaged ({error}): download it again") from error
    if len(content) > LARGEST:
        raise ValueError(f"{path} has more than {LARGEST:,} bytes, many times those of MNIST: download it again")
    return content


def make_builder(data_dir: Path, files: dict[str, Path] | None) -> Any:
    """A TFDS builder of `mnist` that needs no TensorFlow.

    Args:
      data_dir: the folder to prepare the data set in.
      files: the IDX files by part; None downloads them.
    """
    import tensorflow_datasets as tfds
    from PIL import Image

    class Mnist(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
        """The MNIST database of handwritten digits."""

        VERSION = tfds.core.Version("3.0.1")

        def _info(self) -> Any:
            return self.dataset_info_from_configs(
                features=tfds.features.FeaturesDict(
                    {
                        "image": tfds.features.Image(shape=(28, 28, 1)),
                        "label": tfds.features.ClassLabel(num_classes=10),
                    }
                ),
                supervised_keys=("image", "label"),
                homepage="http://yann.lecun.com/exdb/mnist/",
                disable_shuffling=True,
            )

        def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
            if files is None:
                downloads = dl_manager.download({part: f"{URL}{name}.gz" for part, name in FILES.items()})
                parts = {part: _downloaded(Path(path), MD5.get(part)) for part, path in downloads.items()}
            else:
                parts = {part: read_idx(path) for part, path in files.items()}
            return {
                split: self._generate_examples(parts[f"{split}_images"], parts[f"{split}_labels"])
                for split in ("train", "test")
            }

        def _generate_examples(self, images: np.ndarray, labels: np.ndarray) -> Iterator[tuple[int, dict[str, Any]]]:
            if images.ndim != 3 or images.shape[1:] != (28, 28) or labels.shape != images.shape[:1]:
                raise ValueError(f"not MNIST: {images.shape} images with {labels.shape} labels")
            if not len(images) or labels.max() > 9:
                raise ValueError(
                    f"not MNIST: {len(images)} images with labels up to {labels.max(initial=0)}, not 0 to 9"
                )
            for i, (image, label) in enumerate(zip(images, labels, strict=True)):
                yield i, {"image": Image.fromarray(image), "label": int(label)}

    return Mnist(data_dir=data_dir, file_format="array_record")
