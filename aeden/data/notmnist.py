"""notMNIST: the letters A-J from fonts found on the web (Yaroslav Bulatov, 2011); `small` is cleaned by hand.

Splits go by content, so that exact duplicates (2.6 % of small) never straddle them. small: 80/10/10. large: trained on
large without anything that small holds, 2 % of it for validation; tested on the whole of small.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from aeden.data.image_files import decode, read_members
from aeden.data.splits import content_hash, hash_split

URL = "https://commondatastorage.googleapis.com/books1000/"
CLASSES = "ABCDEFGHIJ"
LARGE_VALIDATION_SHARE = 0.02
# Share of wrong labels as its author estimates it: nobody can be right more often on such a split than by luck.
LABEL_NOISE = {"small": {"train": 0.005, "test": 0.005}, "large": {"train": 0.065, "test": 0.005}}


def needed(size: str) -> tuple[str, ...]:
    """The archives that a configuration is made from: large is tested on small."""
    return ("small",) if size == "small" else ("large", "small")


def find_files(data_dir: Path, size: str) -> dict[str, Path] | None:
    """The archives, or their unpacked folders, in a data folder or its `notmnist`; None where one is absent."""
    found = {}
    for part in needed(size):
        stem = f"notMNIST_{part}"
        candidates = [
            folder / name
            for folder in (data_dir, data_dir / "notmnist", data_dir / "notMNIST")
            for name in (f"{stem}.tar.gz", stem)
        ]
        path = next((candidate for candidate in candidates if candidate.exists()), None)
        if path is None:
            return None
        found[part] = path
    return found


def read_archive(source: Path, skipped: Counter[str]) -> Iterator[tuple[str, bytes, str]]:
    """Yields (class letter, PNG bytes, content hash) of every readable image, and counts the others in `skipped`."""
    for name, content in read_members(source):
        letter = PurePosixPath(name).parent.name
        if letter not in CLASSES:
            continue
        pixels = decode(content)
        if pixels is None or pixels.shape != (28, 28, 1):
            skipped[source.name] += 1
            continue
        yield letter, content, content_hash(pixels)


def make_builder(data_dir: Path, size: str, files: dict[str, Path] | None) -> Any:
    """A TFDS builder of `notmnist`, configuration `small` or `large`: from the given files, or else by download."""
    import tensorflow_datasets as tfds

    class Notmnist(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
        """Letters A-J taken from fonts found on the web."""

        VERSION = tfds.core.Version("1.0.0")
        BUILDER_CONFIGS = [
            tfds.core.BuilderConfig(name="small", description="Cleaned by hand, about 0.5 % label noise."),
            tfds.core.BuilderConfig(name="large", description="Not cleaned, about 6.5 % label noise; tested on small."),
        ]

        def _info(self) -> Any:
            return self.dataset_info_from_configs(
                features=tfds.features.FeaturesDict(
                    {
                        "image": tfds.features.Image(shape=(28, 28, 1)),
                        "label": tfds.features.ClassLabel(names=list(CLASSES)),
                    }
                ),
                supervised_keys=("image", "label"),
                homepage="http://yaroslavvb.blogspot.com/2011/09/notmnist-dataset.html",
                disable_shuffling=True,
                metadata=tfds.core.MetadataDict(skipped={}),
            )

        def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
            paths = files
            if paths is None:
                urls = {part: f"{URL}notMNIST_{part}.tar.gz" for part in needed(size)}
                paths = {part: Path(path) for part, path in dl_manager.download(urls).items()}
            skipped: Counter[str] = Counter()
            splits = deal_splits(size, paths, skipped)
            self.info.metadata["skipped"] = dict(skipped)
            if not splits["train"]:
                raise ValueError(f"{paths[size]} holds no readable image under folders A to J")
            return {name: self._generate_examples(examples) for name, examples in splits.items()}

        def _generate_examples(self, examples: list[tuple[str, bytes]]) -> Iterator[tuple[int, dict[str, Any]]]:
            for i, (letter, content) in enumerate(examples):
                yield i, {"image": content, "label": letter}

    return Notmnist(data_dir=data_dir, config=size, file_format="array_record")


def deal_splits(size: str, paths: dict[str, Path], skipped: Counter[str]) -> dict[str, list[tuple[str, bytes]]]:
    """(class letter, PNG bytes) of each split. Some 300 MB of PNGs at most, for large."""
    splits: dict[str, list[tuple[str, bytes]]] = {"train": [], "validation": [], "test": []}
    in_small: set[str] = set()
    for letter, content, digest in read_archive(paths["small"], skipped):
        splits[hash_split(digest) if size == "small" else "test"].append((letter, content))
        in_small.add(digest)
    if size == "large":
        for letter, content, digest in read_archive(paths["large"], skipped):
            if digest not in in_small:
                held_out = int(digest[:12], 16) / 16**12 < LARGE_VALIDATION_SHARE
                splits["validation" if held_out else "train"].append((letter, content))
    return splits
