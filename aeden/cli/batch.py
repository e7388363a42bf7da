"""Restores or enlarges the images of a command line, one after the other; one that fails does not stop the others."""

from __future__ import annotations

import dataclasses
import enum
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from aeden.cli.image_arguments import Options
from aeden.cli.inputs import STANDARD, Input, find_inputs
from aeden.cli.messages import Messages, one_line
from aeden.cli.restored_pixels import PixelRestorer, bicubic, describe, with_visible_colours
from aeden.cli.streams import read_standard_input, write_standard_output
from aeden.cli.targets import Targets, compare_path, make_folder, output_folder, suffix_of
from aeden.data.enlarged_metadata import enlarged_metadata
from aeden.data.image_files import DecodedImage, ImageError, decode_image
from aeden.data.image_metadata import left_out, metadata_of
from aeden.data.image_output import Page, check_holds, format_of_suffix, write_image
from aeden.runtime import files

# So many images that failed are named in the last line.
NAMED = 5


def restore_files(
    names: Sequence[str], output: str, options: Options, load: Callable[[Messages], PixelRestorer], done: str
) -> int:
    """Restores every image that is named; returns the exit status.

    Args:
      names: the inputs as given.
      output: the output as given.
      options: the options.
      load: gives what restores the pixels; called once there is an image.
      done: what is done with an image, for the last line: "restored".

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
            targets = Targets(output, folder, options.force, options.compare, options.skip_existing, found.inputs)
            work = Work(load(messages), options, messages, targets, failures)
            outcomes.update(work.restore(one) for one in found.inputs)
    finally:
        messages.close()
    if outcomes.total() > 1:
        messages.result(_last_line(outcomes, failures, done))
    return 1 if outcomes[Outcome.FAILED] else 0


def _last_line(outcomes: Mapping[Outcome, int], failures: Sequence[str], done: str) -> str:
    """How many images had which outcome, and the names of the first that failed: their errors may be far above."""
    told = [f"{outcomes[Outcome.DONE]} {done}"]
    told += [f"{count} {one.value}" for one in (Outcome.SKIPPED, Outcome.FAILED) if (count := outcomes[one])]
    named = ", ".join(failures[:NAMED]) + ", ..." * (len(failures) > NAMED)
    return ", ".join(told) + (f": {named}" if named else "")


class Outcome(enum.Enum):
    """What became of an image; the values are words for the last line."""

    DONE = "done"
    SKIPPED = "skipped, as they exist already"
    FAILED = "failed"


@dataclasses.dataclass
class Work:
    """Restores images one by one.

    Attributes:
      pixels: what restores the pixels of an image.
      options: the options of the command.
      messages: what is printed.
      targets: where the results go.
      failures: the names of the images that failed.
    """

    pixels: PixelRestorer
    options: Options
    messages: Messages
    targets: Targets
    failures: list[str]

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
        return Outcome.DONE

    def _restore(self, one: Input) -> None:
        self.targets.check_early(one)
        content = one.path if one.path is not None else read_standard_input()
        decoded = self._decode(content, 0)
        pages = decoded.frames if decoded.format == "TIFF" else 1
        path = self._path(one, decoded)
        name = format_of_suffix(path.suffix if path else suffix_of(decoded.format, decoded.pixels.dtype.name))
        self._check_holds(name, decoded, pages)
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

    def _check_holds(self, name: str, decoded: DecodedImage, pages: int) -> None:
        height, width = (self.pixels.scale * side for side in decoded.pixels.shape[:2])
        check_holds(name, decoded.pixels.dtype, decoded.alpha is not None, pages, (height, width))

    def _path(self, one: Input, decoded: DecodedImage) -> Path | None:
        """The file for the result; None for standard output."""
        if self.targets.output == STANDARD:
            return None
        return self.targets.path(one, decoded.format, decoded.pixels.dtype.name)

    def _decode(self, content: bytes | Path, frame: int) -> DecodedImage:
        decoded = decode_image(content, frame=frame, value_range=self.options.value_range)
        # Enlarged colours are means of several, among them some that nobody was to see.
        return decoded if self.pixels.scale == 1 else with_visible_colours(decoded)

    def _pages(
        self, one: Input, content: bytes | Path, decoded: DecodedImage, pages: int, lines: list[str]
    ) -> Iterator[Page]:
        """Restores the pages of an image one by one; adds what is to be said of them to `lines`."""
        for number in range(pages):
            name = one.name if pages == 1 else f"{one.name}, page {number + 1}"
            if number:
                try:
                    decoded = self._decode(content, number)
                    self._check_holds("TIFF", decoded, 1)
                except ImageError as error:
                    raise ImageError(f"page {number + 1}: {error}") from error
            for note in (*decoded.notes, *left_out(decoded)):
                # Every page of a TIFF is restored.
                if pages == 1 or not re.match(r"\d+ of \d+ ", note):
                    self.messages.error(f"note: {name}: {_name_option(note)}")
            chosen = self.pixels.choose(decoded)
            lines.append(("" if pages == 1 else f"page {number + 1}: ") + describe(chosen))
            if chosen.warning:
                self.messages.error(f"warning: {name}: {chosen.warning}")
            yield self._page(self.pixels.restore(name, decoded, chosen), decoded, content)

    def _page(self, restored: np.ndarray, decoded: DecodedImage, content: bytes | Path) -> Page:
        """What is written of an image."""
        scale, alpha = self.pixels.scale, decoded.alpha
        if alpha is not None:
            alpha = bicubic(alpha, scale)
        repeats = decoded.pixels.shape[2] // restored.shape[2]
        metadata = enlarged_metadata(metadata_of(decoded, content), scale, restored.shape[:2])
        return Page(np.repeat(restored, repeats, axis=2), alpha, metadata)

    def _write_comparison(self, path: Path, decoded: DecodedImage, page: Page) -> None:
        """Writes the image before and after, side by side, with 8 bits; of several pages the first."""
        if self.options.skip_existing and path.exists():
            return
        before = bicubic(decoded.uint8(), self.pixels.scale)
        after = dataclasses.replace(decoded, pixels=page.pixels)
        both = Page(np.concatenate([before, after.uint8()], axis=1))
        with files.new_file(path, self.options.force) as file:
            write_image(file, "PNG", [both])


def _name_option(text: str) -> str:
    """A message on how an image is read, with the option of the command in place of the argument."""
    return text.replace("as value_range", "by --range LOW HIGH").replace("value_range", "--range")
