"""What a command prints: results, warnings and errors in one line each, and a progress bar on a terminal."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator
from typing import TextIO

from tqdm import tqdm


class Messages:
    """Prints lines, above the progress bar if there is one.

    Args:
      standard_output: whether results are printed on standard output; if not, an image goes there, and they are
        printed with the warnings and errors on standard error.
      files: number of files of the progress bar.
    """

    def __init__(self, standard_output: bool, files: int):
        self.results: TextIO = sys.stdout if standard_output else sys.stderr
        self.bars = sys.stderr.isatty()
        self.over_files = tqdm(total=files, unit="file", disable=not self.bars or files < 2, leave=False)

    def result(self, text: str) -> None:
        """Prints a result. If nobody reads the results any more, the work goes on without."""
        with contextlib.suppress(OSError):
            self._print(text, is_result=True)
            self.results.flush()

    def error(self, text: str) -> None:
        """Prints a warning or an error."""
        with contextlib.suppress(OSError):
            self._print(text, is_result=False)

    def _print(self, text: str, is_result: bool) -> None:
        file = self.results if is_result else sys.stderr
        text = printable(text, file.encoding or "utf-8")
        if self.bars:
            tqdm.write(text, file=file)
        else:
            print(text, file=file)

    @contextlib.contextmanager
    def tiles(self, name: str, total: int) -> Iterator[Callable[[], object]]:
        """A progress bar of the tiles of a file; gives a function to call after each tile."""
        with tqdm(total=total, desc=name, unit="tile", disable=not self.bars or total < 2, leave=False) as bar:
            yield bar.update

    def file_done(self) -> None:
        """Moves the progress bar of files on."""
        self.over_files.update()

    def close(self) -> None:
        """Removes the progress bar of files."""
        self.over_files.close()


def printable(text: str, encoding: str) -> str:
    """A text in one line that can be printed, whatever characters are in the names of files."""
    escaped = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
    return escaped.encode(encoding, "backslashreplace").decode(encoding)


def one_line(error: BaseException) -> str:
    """An error in one line, with the remedy where it is known."""
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in text:
        return "there is not enough memory for it: use a smaller --tile"
    if isinstance(error, FileExistsError):
        return f"{error.filename or text} exists already: use --force to replace it, or another output"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, ValueError | OSError | ArithmeticError):
        return text
    return f"unexpected {type(error).__name__}: {text} (--debug shows where)"


def quiet_libraries() -> None:
    """Keeps the logs of libraries off the terminal; errors are reported in one line."""
    for name in ("absl", "asyncio", "jax"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
