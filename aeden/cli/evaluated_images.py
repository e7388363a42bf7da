"""The images that `aeden evaluate` is given, as named sets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from aeden.cli.inputs import STANDARD, Input, find_inputs
from aeden.cli.messages import Messages, one_line
from aeden.data.image_files import ImageError, decode_image

# The first images that are given to tune the classical methods on.
TUNED_ON = 5
# The set of images that are named one by one.
SINGLE = "images"


class Reader:
    """Finds and reads images; what cannot be read is said in one line and counted.

    Attributes:
      failed: number of files that could not be read.
    """

    def __init__(self, messages: Messages):
        self.messages = messages
        self.failed = 0

    def sets(self, names: Sequence[str], limit: int | None) -> dict[str, list[Input]]:
        """Name of each set -> its images: those of a folder or pattern, and all that are named one by one.

        Raises:
          ValueError: there is no image.
        """
        if STANDARD in names:
            raise ValueError("standard input is not taken here: name files or folders")
        single = [name for name in names if Path(name).is_file()]
        groups = {name: [name] for name in names if name not in single}
        short = [Path(name).resolve().name for name in groups]
        # Folders of one name are told apart by their paths.
        labels = short if len(set(short)) == len(short) and SINGLE not in short else list(groups)
        named = dict(zip(labels, groups.values(), strict=True))
        found = {label: self._inputs(group) for label, group in (*named.items(), (SINGLE, single)) if group}
        kept = {label: inputs[:limit] for label, inputs in found.items() if inputs}
        if not kept:
            raise ValueError("there is no image to evaluate: name folders or files with --images")
        return kept

    def _inputs(self, names: Sequence[str]) -> list[Input]:
        found = find_inputs(names, None)
        for note in found.notes:
            self.messages.error(f"note: {note}")
        for problem in found.problems:
            self.messages.error(f"error: {problem}")
        self.failed += len(found.problems)
        return found.inputs

    def read(self, one: Input, least: int = 1) -> np.ndarray | None:
        """An image, float32 [h, w, c] in [0, 1]; None if it cannot be read, or is smaller than `least` pixels."""
        try:
            assert one.path is not None
            decoded = decode_image(one.path)
            height, width = decoded.pixels.shape[:2]
            if min(height, width) < least:
                raise ImageError(f"{width} x {height} pixels are too few to be made {least} times smaller")
        except (ImageError, OSError) as error:
            self.messages.error(f"error: {one.name}: {_without_range(one_line(error))}")
            self.failed += 1
            return None
        for note in decoded.notes:
            self.messages.error(f"note: {one.name}: {_without_range(note)}")
        return decoded.opaque().unit()


def tuned_on(names: Sequence[str], sets: dict[str, list[Input]], reader: Reader) -> list[np.ndarray]:
    """The images to tune classical methods on.

    Raises:
      ValueError: there are none, although some are named, or they are among those that are evaluated.
    """
    if not names:
        return []
    inputs = [one for group in reader.sets(names, None).values() for one in group][:TUNED_ON]
    tested = {one.path.resolve() for group in sets.values() for one in group if one.path}
    for one in inputs:
        if one.path and one.path.resolve() in tested:
            raise ValueError(f"{one.name} is to be evaluated, so nothing may be tuned on it: name others with --tune")
    images = [image for one in inputs if (image := reader.read(one)) is not None]
    if not images:
        raise ValueError("no image of --tune can be read: name others")
    reader.messages.error(f"note: classical methods are tuned on {', '.join(one.name for one in inputs)}")
    return images


def _without_range(text: str) -> str:
    """A message without the remedy that `aeden evaluate` does not have."""
    return text.replace("give them as value_range, ", "").replace("give its values as value_range", "scale it")
