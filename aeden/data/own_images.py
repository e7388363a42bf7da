"""Images of any size and colour as a data set: crops to train on, whole images to test on (`data.crop`).

A folder may hold clean images only, or pairs: a noisy and a clean version of each image, under the same name in folders
`noisy` and `clean`.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from aeden.data.crops import MOST_PIXELS, MOST_SIZES, CropSplit, WholeImages
from aeden.data.dataset import Cropped, Dataset
from aeden.data.decoded_folder import DecodedFolder, open_folder
from aeden.data.image_members import NAMED
from aeden.data.image_store import ImageStore
from aeden.data.splits import HELD_OUT, split_images

CHANNELS = ("auto", "1", "3")
NOISY, CLEAN = "noisy", "clean"


@dataclasses.dataclass(frozen=True, eq=False)
class _Examples:
    """Clean images, their content hashes, and their noisy versions, if they have any."""

    images: ImageStore
    hashes: tuple[str, ...]
    noisy: ImageStore | None = None
    noisy_hashes: tuple[str, ...] = ()

    def select(self, index: np.ndarray) -> _Examples:
        noisy = None if self.noisy is None else self.noisy.select(index)
        hashes, noisy_hashes = ([of[i] for i in index] if of else [] for of in (self.hashes, self.noisy_hashes))
        return _Examples(self.images.select(index), tuple(hashes), noisy, tuple(noisy_hashes))


def open_images(
    source: Path, crop: int, channels: str = "auto", limit: int = 0, train_limit: int = 0, held_out: float = HELD_OUT
) -> Dataset:
    """Opens a folder or archive of images of any size.

    Args:
      source: the folder or archive.
      crop: height and width of the crops to train on, in pixels.
      channels: "1" (gray), "3" (colour), or "auto": colour if any image is.
      limit: maximum number of images per split; 0 for all.
      train_limit: maximum number of training images; 0 for all.
      held_out: share of the images for validation, and again for the test, at least one image each.

    Raises:
      FileNotFoundError: there is no such folder or archive.
      ValueError: an argument is out of range; there are fewer than three different images that can be read.
      OSError: the cache cannot be written.
    """
    check_crops(crop, channels)
    for field, value in (("limit", limit), ("train_limit", train_limit)):
        if value < 0:
            raise ValueError(f"data.{field} {value} is negative: use 0 for all images")
    if not 0 < held_out < 0.5:
        raise ValueError(f"data.held_out {held_out} is not a share above 0 and below 0.5")
    folder = open_folder(source)
    examples, unpaired = _examples(folder, source)
    notes = folder.notes + _unpaired_notes(unpaired)
    try:
        positions = split_images(examples.hashes, held_out)
    except ValueError as error:
        raise ValueError("; ".join([f"{source}: {error}", *notes])) from error
    limits = {"train": min(filter(None, (limit, train_limit)), default=0), "validation": limit, "test": limit}
    splits = {name: examples.select(index[: limits[name] or None]) for name, index in positions.items()}
    count = _channels(channels, [split.images for split in splits.values()])
    digest = hashlib.sha256(b"images of any size\n")
    for name, split in splits.items():
        for line in (split.hashes, split.noisy_hashes):
            digest.update(f"{name} {' '.join(line)}\n".encode())
    return _dataset("folder", splits, crop, count, digest.hexdigest(), notes)


def cut(dataset: Dataset, crop: int, channels: str = "auto") -> Dataset:
    """A data set of images of one size, to be trained on by crops. Its labels are left out.

    Raises:
      ValueError: an argument is out of range.
    """
    check_crops(crop, channels)
    splits = {
        name: _Examples(ImageStore.of_array(split.images), ())
        for name, split in (("train", dataset.train), ("validation", dataset.validation), ("test", dataset.test))
    }
    count = _channels(channels, [split.images for split in splits.values()])
    cropped = _dataset(dataset.name, splits, crop, count, dataset.sha256, dataset.notes)
    return dataclasses.replace(cropped, requested=dataset.requested)


def check_crops(crop: int, channels: str) -> None:
    """Checks the fields `data.crop` and `data.channels` of a data set of crops.

    Raises:
      ValueError: naming the field, the value and the remedy.
    """
    if crop < 1:
        raise ValueError(f"data.crop {crop} is not a size in pixels: use 1 or more, or 0 for images of one size")
    if channels not in CHANNELS:
        raise ValueError(f"unknown data.channels {channels!r}: use one of {', '.join(CHANNELS)}")


def _dataset(
    name: str, splits: dict[str, _Examples], crop: int, channels: int, sha256: str, notes: tuple[str, ...]
) -> Dataset:
    """The data set of three splits, with its plain splits made of fixed windows."""
    whole = {key: WholeImages(split.images, channels, split.noisy) for key, split in splits.items()}
    train = CropSplit(splits["train"].images, crop, channels, splits["train"].noisy)
    test = whole["test"].first_sizes(MOST_SIZES)
    if len(test) < len(whole["test"]):
        notes = (
            *notes,
            f"the test images have more than {MOST_SIZES} sizes, each of which is compiled for: "
            f"{len(test)} of {len(whole['test']):,} are tested",
        )
    large = int((test.sizes != test.images.shapes[:, :2]).any(1).sum())
    if large:
        notes = (
            *notes,
            f"{large} of {len(test)} test images are larger than {MOST_PIXELS / 1e6:.1f} "
            "megapixels: their central part is tested",
        )
    windows = tuple(whole[key].windows(crop) for key in ("train", "validation", "test"))
    return Dataset(name, name, windows[0], windows[1], windows[2], sha256, notes, cropped=Cropped(train, test))


def _channels(channels: str, stores: Sequence[ImageStore]) -> int:
    """Channels of the images that the network sees: as asked for, else those of the image with the most."""
    return max(int(store.shapes[:, 2].max()) for store in stores) if channels == "auto" else int(channels)


def _examples(folder: DecodedFolder, source: Path) -> tuple[_Examples, dict[str, str]]:
    """The examples of a folder; and name -> reason of the images that are left out, if the examples are pairs."""
    reasons: dict[str, str] = {}
    places = [_place(name) for name in _without_common_folder(folder.names)]
    if not {NOISY, CLEAN} <= {top for top, _ in places}:
        return _Examples(folder.images, folder.hashes), reasons
    of: dict[str, dict[str, int]] = {NOISY: {}, CLEAN: {}}
    for i, (top, key) in enumerate(places):
        if top not in of:
            reasons[folder.names[i]] = f"in neither {NOISY} nor {CLEAN}"
        elif key in of[top]:
            reasons[folder.names[i]] = f"a second image with the name {key}"
        else:
            of[top][key] = i
    noisy, clean = [], []
    for key in sorted({*of[NOISY], *of[CLEAN]}):
        one, other = of[NOISY].get(key), of[CLEAN].get(key)
        if one is None or other is None:
            there, lacking = (other, NOISY) if one is None else (one, CLEAN)
            assert there is not None
            reasons[folder.names[there]] = f"not in {lacking}"
        elif (folder.images.shapes[one, :2] != folder.images.shapes[other, :2]).any():
            reasons[folder.names[one]] = "not of the size of its clean image"
        else:
            noisy.append(one)
            clean.append(other)
    if not clean:
        raise ValueError("; ".join([f"{source} has no pair of images", *folder.notes, *_unpaired_notes(reasons)]))
    index, noisy_index = np.array(clean), np.array(noisy)
    whole = _Examples(folder.images, folder.hashes)
    other_images = whole.select(noisy_index)
    return dataclasses.replace(
        whole.select(index), noisy=other_images.images, noisy_hashes=other_images.hashes
    ), reasons


def _unpaired_notes(reasons: Mapping[str, str]) -> tuple[str, ...]:
    """The note about images that are in no pair, with the names of the first; empty if there are none."""
    if not reasons:
        return ()
    named = [f"{name} ({reason})" for name, reason in list(reasons.items())[:NAMED]]
    more = [f"and {len(reasons) - NAMED:,} more"] if len(reasons) > NAMED else []
    images = f"{len(reasons):,} image{'s are' if len(reasons) > 1 else ' is'}"
    return (f"{images} in no pair and left out: {'; '.join(named + more)}",)


def _without_common_folder(names: Sequence[str]) -> list[PurePosixPath]:
    """Paths without the folder that they all lie in, if there is one: an archive often has such a folder."""
    paths = [PurePosixPath(name) for name in names]
    tops = {path.parts[0] for path in paths}
    if len(tops) == 1 and all(len(path.parts) > 1 for path in paths) and not tops & {NOISY, CLEAN}:
        return [PurePosixPath(*path.parts[1:]) for path in paths]
    return paths


def _place(path: PurePosixPath) -> tuple[str, str]:
    """The top folder of an image, and its path there without suffix, which identifies a pair."""
    return (
        (path.parts[0], PurePosixPath(*path.parts[1:]).with_suffix("").as_posix())
        if len(path.parts) > 1
        else ("", path.stem)
    )
