"""Restores the images of a command line, one after the other; an image that fails does not stop the others."""

from __future__ import annotations

import dataclasses
import enum
import functools
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aeden.cli.chosen_model import Chosen, choose
from aeden.cli.compiled_programs import keep_programs
from aeden.cli.inputs import STANDARD, Input, find_inputs
from aeden.cli.messages import Messages, one_line
from aeden.cli.streams import read_standard_input, write_standard_output
from aeden.cli.targets import Targets, compare_path, make_folder, output_folder, suffix_of
from aeden.data.image_files import DecodedImage, ImageError, decode_image
from aeden.data.image_metadata import left_out, metadata_of
from aeden.data.image_output import Page, check_holds, format_of_suffix, write_image
from aeden.inference.finished_run import Restorer, load_restorers
from aeden.inference.noise_level import NoiseEstimate
from aeden.inference.tiles import Grid, calls, plan_tiles, restored_rows
from aeden.runtime import files

# So many sizes of tiles are compiled for images of these sizes alone; images of further sizes share a few.
OWN_SIZES = 4
# So many images that failed are named in the last line.
NAMED = 5


@dataclasses.dataclass(frozen=True)
class Options:
    """The options of `aeden denoise`, see its help.

    Attributes:
      force, skip_existing, strength, level, compare, tile, overlap, debug: as on the command line.
      value_range: the values that stand for black and white in float images; None if not given.
    """

    force: bool = False
    skip_existing: bool = False
    strength: float = 1.0
    level: float | None = None
    value_range: tuple[float, float] | None = None
    compare: bool = False
    tile: int = 512
    overlap: int | None = None
    debug: bool = False


def restore_all(run: str, names: Sequence[str], output: str, options: Options) -> int:
    """Restores every image that is named; returns the exit status.

    Args:
      run: the folder of the run.
      names: the inputs as given.
      output: the output as given.
      options: the options.

    Raises:
      ValueError: the options contradict each other, or the run cannot be used.
      OSError: the run cannot be read.
    """
    if not output:
        raise ValueError("the output has an empty name: name a file or folder")
    folder = output_folder(output, names)
    if folder is not None and folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file, and several images need a folder: choose another output")
    if output == STANDARD and options.compare:
        raise ValueError("--compare writes a second file, which standard output has no place for: name a file")
    found = find_inputs(names, folder)
    if output == STANDARD and (len(found.inputs) > 1 or any(one.path and one.path.is_dir() for one in found.inputs)):
        raise ValueError(f"standard output takes one image, not {len(found.inputs)}: name a folder")
    messages = Messages(output != STANDARD, len(found.inputs))
    for note in found.notes:
        messages.error(f"note: {note}")
    for problem in found.problems:
        messages.error(f"error: {problem}")
    outcomes = Counter({Outcome.FAILED: len(found.problems)})
    # The line of what is no image begins with its name.
    failures = [problem.partition(": ")[0] for problem in found.problems]
    try:
        if found.inputs:
            targets = Targets(output, folder, options.force, options.compare, found.inputs)
            work = Work(_load(run, options), options, messages, targets, failures=failures)
            outcomes.update(work.restore(one) for one in found.inputs)
    finally:
        messages.close()
    if outcomes.total() > 1:
        messages.result(_last_line(outcomes, failures))
    return 1 if outcomes[Outcome.FAILED] else 0


def _last_line(outcomes: Mapping[Outcome, int], failures: Sequence[str]) -> str:
    """How many images had which outcome, and the names of the first that failed: their errors may be far above."""
    told = [f"{count} {one.value}" for one in Outcome if (count := outcomes[one]) or one is Outcome.RESTORED]
    named = ", ".join(failures[:NAMED]) + ", ..." * (len(failures) > NAMED)
    return ", ".join(told) + (f": {named}" if named else "")


def _load(run: str, options: Options) -> Callable[[int], Restorer]:
    """The restorer of each number of channels. Compiled programs are kept for the next start."""
    keep_programs()
    restorers = load_restorers(run)
    if options.level is not None and not restorers(1).takes_level:
        raise ValueError(f"{run} restores all noise levels alike, without being told: leave out --level")
    return restorers


class Outcome(enum.Enum):
    """What became of an image; the values are words for the last line."""

    RESTORED = "restored"
    SKIPPED = "skipped, as they exist already"
    FAILED = "failed"


@dataclasses.dataclass
class Work:
    """Restores images one by one.

    Attributes:
      restorers: channels of an image -> the trained model that restores it.
      options: the options of the command.
      messages: what is printed.
      targets: where the results go.
      sizes: the models, and sizes of tiles that were chosen for images of these sizes.
      failures: the names of the images that failed.
    """

    restorers: Callable[[int], Restorer]
    options: Options
    messages: Messages
    targets: Targets
    sizes: set[tuple[str, tuple[int, int]]] = dataclasses.field(default_factory=set)
    failures: list[str] = dataclasses.field(default_factory=list)

    def restore(self, one: Input) -> Outcome:
        """Restores an image, and prints one line on it unless its result exists already and is to be left."""
        try:
            self._restore(one)
        except KeyboardInterrupt:
            raise
        except Exception as error:
            if isinstance(error, FileExistsError) and self.options.skip_existing:
                return Outcome.SKIPPED
            if self.options.debug:
                raise
            self.messages.error(f"error: {one.name}: {_name_option(one_line(error))}")
            self.failures.append(one.name)
            return Outcome.FAILED
        finally:
            self.messages.file_done()
        return Outcome.RESTORED

    def _restore(self, one: Input) -> None:
        self.targets.check_early(one)
        content = one.path if one.path is not None else read_standard_input()
        decoded = self._decode(content, 0)
        height, width = decoded.pixels.shape[:2]
        pages = decoded.frames if decoded.format == "TIFF" else 1
        path = self._path(one, decoded)
        name = format_of_suffix(path.suffix if path else suffix_of(decoded.format, decoded.pixels.dtype.name))
        check_holds(name, decoded.pixels.dtype, decoded.alpha is not None, pages, (height, width))
        lines: list[str] = []
        written = self._pages(one, content, decoded, pages, lines)
        first = next(written)

        def all_pages() -> Iterator[Page]:
            yield first
            yield from written

        if path is None:
            write_standard_output(name, all_pages())
        else:
            make_folder(path.parent)
            with files.new_file(path, self.options.force) as file:
                write_image(file, name, all_pages())
            if self.options.compare:
                self._write_comparison(compare_path(path), decoded, first)
        self.messages.result(f"{one.name} -> {path or 'standard output'}: {'; '.join(lines)}")

    def _path(self, one: Input, decoded: DecodedImage) -> Path | None:
        """The file for the result; None for standard output."""
        if self.targets.output == STANDARD:
            return None
        return self.targets.path(one, decoded.format, decoded.pixels.dtype.name)

    def _decode(self, content: bytes | Path, frame: int) -> DecodedImage:
        return decode_image(content, frame=frame, value_range=self.options.value_range)

    def _pages(
        self, one: Input, content: bytes | Path, decoded: DecodedImage, pages: int, lines: list[str]
    ) -> Iterator[Page]:
        """Restores the pages of an image one by one; adds what is to be said of them to `lines`."""
        for number in range(pages):
            name = one.name if pages == 1 else f"{one.name}, page {number + 1}"
            if number:
                try:
                    decoded = self._decode(content, number)
                    check_holds("TIFF", decoded.pixels.dtype, decoded.alpha is not None, 1, decoded.pixels.shape[:2])
                except ImageError as error:
                    raise ImageError(f"page {number + 1}: {error}") from error
            for note in (*decoded.notes, *left_out(decoded)):
                # Every page of a TIFF is restored.
                if pages == 1 or not re.match(r"\d+ of \d+ ", note):
                    self.messages.error(f"note: {name}: {_name_option(note)}")
            chosen = choose(self.restorers, decoded)
            lines.append(("" if pages == 1 else f"page {number + 1}: ") + _describe(chosen))
            if chosen.warning:
                self.messages.error(f"warning: {name}: {chosen.warning}")
            restored = self._restore_pixels(name, decoded, chosen)
            repeats = decoded.pixels.shape[2] // restored.shape[2]
            yield Page(np.repeat(restored, repeats, axis=2), decoded.alpha, metadata_of(decoded, content))

    def _restore_pixels(self, name: str, decoded: DecodedImage, chosen: Chosen) -> np.ndarray:
        """The restored pixels, of the type of the image's."""
        black, scale = np.float32(decoded.black), np.float32(decoded.white - decoded.black)
        pixels, restorer = chosen.pixels, chosen.restorer
        height, width, channels = pixels.shape
        grid = self._plan(restorer, (height, width))
        result = np.empty_like(pixels)

        def read(rows: slice, columns: slice) -> np.ndarray:
            return np.clip((pixels[rows, columns].astype(np.float32) - black) / scale, 0, 1)

        with self.messages.tiles(name, len(grid) * calls(restorer, channels)) as progress:
            level = self._level(restorer, chosen.estimate)
            for start, rows in restored_rows(restorer, read, (height, width, channels), grid, level, progress):
                place = slice(start, start + len(rows))
                if self.options.strength < 1:
                    given = read(place, slice(None))
                    rows = given + np.float32(self.options.strength) * (rows - given)
                result[place] = _as_type(rows * scale + black, pixels.dtype)
        return result

    def _plan(self, restorer: Restorer, shape: tuple[int, int]) -> Grid:
        """The tiles of an image: of its own size if others had that, or if few sizes were compiled so far."""
        plan = functools.partial(plan_tiles, restorer, shape, self.options.tile, self.options.overlap)
        grid = plan()
        size = (restorer.name, grid.tile)
        if size not in self.sizes and len(self.sizes) >= OWN_SIZES:
            return plan(common=True)
        self.sizes.add(size)
        return grid

    def _level(self, restorer: Restorer, estimate: NoiseEstimate | None) -> float | None:
        """The noise level for a network that takes one: the one that was given, or else the estimate."""
        if not restorer.takes_level or self.options.level is not None:
            return self.options.level
        if estimate is None:
            raise ImageError("it is too small for an estimate of its noise: give --level")
        if (kind := restorer.noise["kind"]) != "gaussian":
            raise ImageError(f"the run was trained on {kind} noise, whose level cannot be estimated: give --level")
        return estimate.level

    def _write_comparison(self, path: Path, decoded: DecodedImage, page: Page) -> None:
        """Writes the image before and after, side by side, with 8 bits; of several pages the first."""
        after = dataclasses.replace(decoded, pixels=page.pixels)
        both = Page(np.concatenate([decoded.uint8(), after.uint8()], axis=1))
        with files.new_file(path, self.options.force) as file:
            write_image(file, "PNG", [both])


def _describe(chosen: Chosen) -> str:
    height, width = chosen.pixels.shape[:2]
    level = None if chosen.estimate is None else chosen.estimate.level
    noise = (
        "too small for an estimate of its noise"
        if level is None
        else f"noise about {level:.3f} ({255 * level:.0f} of 255)"
    )
    return f"{width} x {height}, {chosen.kind}, {noise}"


def _name_option(text: str) -> str:
    """A message on how an image is read, with the option of the command in place of the argument."""
    return text.replace("as value_range", "by --range LOW HIGH").replace("value_range", "--range")


def _as_type(values: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Values as whole numbers, rounded and limited to what the type holds; floats as they are."""
    if dtype.kind == "f":
        return values
    return np.rint(np.clip(values, 0, np.iinfo(dtype).max)).astype(dtype)
