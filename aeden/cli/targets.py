"""Where results go: their names, and that nothing is overwritten by mistake."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
from collections.abc import Sequence
from pathlib import Path

from aeden.cli.inputs import STANDARD, Input
from aeden.data.image_limits import ImageError
from aeden.data.image_output import FORMATS, format_of_suffix

# Bytes that the name of a file has at most, on nearly every file system.
LONGEST_NAME = 255


def output_folder(output: str, names: Sequence[str]) -> Path | None:
    """The output folder that a command line names; None if it names a file or standard output.

    Args:
      output: as given.
      names: the inputs as given.
    """
    if output == STANDARD:
        return None
    several = len(names) > 1 or any(name != STANDARD and not os.path.isfile(name) for name in names)
    return Path(output) if several or os.path.isdir(output) or output.endswith(("/", os.sep)) else None


@dataclasses.dataclass
class Targets:
    """The names of the results of one command.

    Attributes:
      output: as given on the command line.
      folder: the output folder, or None.
      force: whether files that exist are replaced.
      compare: whether each result has a second file, with the image before and after.
      leave: whether a second file that exists is left, and no reason not to write the result.
      inputs: the images, none of which may be overwritten but by its own result.
    """

    output: str
    folder: Path | None
    force: bool
    compare: bool
    leave: bool
    inputs: Sequence[Input]

    def __post_init__(self) -> None:
        self.taken: dict[str, str] = {}
        self.sources = {os.path.realpath(one.path): one.name for one in self.inputs if one.path}

    def path(self, one: Input, stored: str, dtype: str) -> Path:
        """The file for a result.

        Args:
          one: the image.
          stored: the format of its file, by Pillow's name.
          dtype: type of its pixels.

        Raises:
          ImageError: the format is unknown, or another result of this command has the name.
          FileExistsError: there is a file of this name.
        """
        if self.folder is None:
            path = Path(self.output)
            format_of_suffix(path.suffix)
        else:
            relative = one.relative
            if relative.suffix.lower() not in FORMATS:
                relative = relative.with_suffix(suffix_of(stored, dtype))
            path = self.folder / relative
        self._take(path, one)
        if self.compare:
            with contextlib.suppress(*([FileExistsError] if self.leave else [])):
                self._take(compare_path(path), one)
        return path

    def check_early(self, one: Input) -> None:
        """Refuses what can be refused before an image is read, see `path`."""
        if self.folder is None and self.output != STANDARD:
            path = Path(self.output)
            format_of_suffix(path.suffix)
        elif self.folder is not None and one.relative.suffix.lower() in FORMATS:
            path = self.folder / one.relative
        else:
            return
        self._check_free(path)

    def _take(self, path: Path, one: Input) -> None:
        self._check_free(path)
        place = os.path.realpath(path)
        owner = self.sources.get(place)
        if owner is not None and (one.path is None or os.path.realpath(one.path) != place):
            raise ImageError(f"{path} would replace the image {owner} of this command: choose another output")
        self.taken[place] = one.name

    def _check_free(self, path: Path) -> None:
        if (before := self.taken.get(os.path.realpath(path))) is not None:
            raise ImageError(f"{path} is already the result for {before}: restore it into another folder")
        if len(os.fsencode(path.name)) > LONGEST_NAME:  # also where its folder does not exist yet
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), str(path))
        try:
            path.lstat()
        except FileNotFoundError:
            return
        except NotADirectoryError as error:
            raise ImageError(f"{path}: a part of this path is no folder: choose another output") from error
        if path.is_dir():
            raise ImageError(f"{path} is a folder: name a file")
        if not self.force:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))


def make_folder(folder: Path) -> None:
    """Makes a folder for results, and those above it.

    Raises:
      ImageError: something that is no folder is in the way.
      OSError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise ImageError(f"{error.filename} is no folder: choose another output") from error


def compare_path(path: Path) -> Path:
    """The file with the image before and after, beside the result."""
    return path.with_name(f"{path.stem}.compare.png")


def suffix_of(stored: str, dtype: str) -> str:
    """The suffix of a result for an image whose format is not written, or that has no name.

    Args:
      stored: the format of the image, by Pillow's name.
      dtype: type of its pixels.
    """
    if stored == "MPO":
        return ".jpg"
    suffix = next((suffix for suffix, name in FORMATS.items() if name == stored), None)
    return suffix or (".tif" if dtype == "float32" else ".png")
