"""Opens an image set by name: prepared TFDS folder, local files, download, or, where none is to be had, glyphs.

The data folder is `data.dir`, else `AEDEN_DATA`, else TFDS' default. aeden prepares local files in its own cache and
never writes beside them; what it downloads, it keeps in the data folder, as TFDS does.
"""

from __future__ import annotations

import os
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aeden.data import glyphs, image_folder, mnist, notmnist, tfds_folder
from aeden.data.dataset import Dataset, _hash, name_splits
from aeden.data.splits import Split
from aeden.runtime.cache import cache_folder

PROBE_SECONDS = 4.0


class DatasetNotFound(FileNotFoundError):
    """The set is neither on disk nor to be downloaded. The message lists the remedies."""


Opened = tuple[dict[str, Split], tuple[str, ...]]


def open_dataset(
    name: str, data_dir: str = "", fallback: str = "glyphs", limit: int = 0, train_limit: int = 0
) -> Dataset:
    """Opens an image set, or glyphs in its stead where it cannot be had.

    Args:
      name: "mnist", "notmnist" (= "notmnist/small"), "notmnist/large", "notmnist/auto" (large where it is on disk,
        else small), "glyphs" (= "glyphs/letters"),
        "glyphs/digits", "folder" (class folders in `data_dir`), or any other prepared TFDS image set.
      data_dir: the data folder; "" for `AEDEN_DATA`, else TFDS' default. For glyphs: a folder of fonts.
      fallback: "glyphs" to stand in for MNIST or notMNIST; "" makes a missing set an error.
      limit: examples a split at most; 0 for all.
      train_limit: examples of the training split at most; 0 for all.

    Raises:
      DatasetNotFound: the set cannot be had, and there is no fallback for it.
      ValueError: unknown fallback; a damaged archive; images of several sizes; an empty split.
    """
    if fallback not in ("", "glyphs"):
        raise ValueError(f"unknown data.fallback {fallback!r}: use 'glyphs', or '' for an error")
    for field, value in (("limit", limit), ("train_limit", train_limit)):
        if value < 0:
            raise ValueError(f"data.{field} {value} is negative: use 0 for all examples")
    canonical = {"notmnist": "notmnist/small", "glyphs": "glyphs/letters"}.get(name, name)
    chosen: tuple[str, ...] = ()
    if name == "notmnist/auto":
        canonical, chosen = _notmnist_at_hand(data_dir)
    actual = canonical
    try:
        splits, notes = _open(canonical, data_dir, limit)
        notes += chosen
    except DatasetNotFound as error:
        if not fallback or canonical.split("/")[0] not in ("mnist", "notmnist"):
            raise
        actual = "glyphs/digits" if canonical == "mnist" else "glyphs/letters"
        splits, notes = glyphs.load(actual.split("/")[1], limit=limit), (str(error),)
    for split in splits:
        if not len(splits[split]):
            raise ValueError(f"the {split} split of {actual} is empty: it has too few images")
    splits = {split: examples.first(limit) for split, examples in splits.items()}
    splits["train"] = splits["train"].first(train_limit)
    return Dataset(actual, canonical, **splits, sha256=_hash(splits), notes=notes)


def _notmnist_at_hand(data_dir: str) -> tuple[str, tuple[str, ...]]:
    """The name of the larger notMNIST on disk, and what to tell of it. Both are tested on images of small."""
    where = data_folder(data_dir)
    if tfds_folder.find_readable(where, "notmnist/large") or notmnist.find_files(where, "large"):
        return "notmnist/large", ("notMNIST large is at hand: trained on large, tested on the whole of small",)
    return "notmnist/small", ("notMNIST large is not at hand: trained on, and tested on, splits of small",)


def data_folder(data_dir: str) -> Path:
    """`data.dir`, else `AEDEN_DATA`, else `TFDS_DATA_DIR` or `~/tensorflow_datasets`."""
    chosen = data_dir or os.environ.get("AEDEN_DATA") or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    return Path(chosen).expanduser()


def _open(name: str, data_dir: str, limit: int) -> Opened:
    root, _, variant = name.partition("/")
    if data_dir and not data_folder(data_dir).is_dir():
        raise FileNotFoundError(f"the data folder {data_dir} does not exist: mend data.dir, or make it")
    if root == "glyphs":
        return glyphs.load(variant, Path(data_dir).expanduser() if data_dir else None, limit), ()
    if name == "folder":
        if not data_dir:
            raise ValueError("data.name=folder needs data.dir, the folder that holds a folder of images a class")
        return image_folder.load(data_folder(data_dir))
    if name == "mnist":
        files = mnist.find_files(data_folder(data_dir))
        return _open_built(name, data_dir, files, mnist.URL, lambda to: mnist.make_builder(to, files))
    if root == "notmnist":
        if variant not in ("small", "large"):
            raise ValueError(f"unknown data set {name!r}: use notmnist/small, notmnist/large or notmnist/auto")
        archives = notmnist.find_files(data_folder(data_dir), variant)
        return _open_built(
            name, data_dir, archives, notmnist.URL, lambda to: notmnist.make_builder(to, variant, archives)
        )
    return _open_prepared(name, data_dir)


def _open_built(
    name: str, data_dir: str, files: dict[str, Path] | None, url: str, make_builder: Callable[[Path], Any]
) -> Opened:
    """A set with a builder of our own: prepared, else from local files, else by download."""
    where = data_folder(data_dir)
    found = tfds_folder.find_readable(where, name)
    if found is not None:
        return _read(found)
    if files is not None:
        where = cache_folder() / "tfds" / tfds_folder.fingerprint(*files.values())
    elif problem := _unreachable(url):
        raise DatasetNotFound(_remedies(name, where, problem))
    if tfds_folder.find(where, name) is None or files is None:
        tfds_folder.prepare(make_builder, where)
    found = tfds_folder.find(where, name)
    assert found is not None, "a builder that ends without an error has written its folder"
    return _read(found)


def _open_prepared(name: str, data_dir: str) -> Opened:
    where = data_folder(data_dir)
    found = tfds_folder.find(where, name)
    if found is None:
        raise DatasetNotFound(
            f"unknown data set {name!r}: not mnist, notmnist, glyphs or folder, and no prepared TFDS set in "
            f"{where / name} (prepare it there with file_format='array_record', or set data.dir)"
        )
    return _read(found)


def _read(found: Path) -> Opened:
    splits, metadata = tfds_folder.read(found)
    notes = image_folder.skipped_note(sum((metadata.get("skipped") or {}).values()))
    return name_splits(splits, str(found)), notes


def _unreachable(url: str) -> str | None:
    """Why the host of `url` cannot be reached, decided within seconds; None if it answers.

    TFDS itself would try for minutes. A name look-up knows no time-out, hence the thread.
    """
    problem = [f"no answer from {url} within {PROBE_SECONDS:g} s"]

    def probe() -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=PROBE_SECONDS).close()
            problem[0] = ""
        except urllib.error.HTTPError:
            problem[0] = ""  # The host answers; whether the file is there, the download will tell.
        except (OSError, ValueError) as error:
            problem[0] = f"{url} cannot be reached ({getattr(error, 'reason', error)})"

    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS + 1)
    return problem[0] or None


def _remedies(name: str, where: Path, problem: str) -> str:
    files = (
        "its four IDX files"
        if name == "mnist"
        else " and ".join(f"notMNIST_{part}.tar.gz" for part in notmnist.needed(name.split("/")[1]))
    )
    return (
        f"{name} is not in {where}, and {problem}. Put {files} into a folder and name it "
        "with --config.data.dir=FOLDER or AEDEN_DATA=FOLDER, or go online"
    )
