"""The images that a command line names: files, folders, patterns, and standard input."""

from __future__ import annotations

import dataclasses
import glob
import os
import re
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from aeden.data.image_limits import ImageError
from aeden.data.image_members import OTHER_IMAGES, SUFFIXES, leads_elsewhere, list_files

STANDARD = "-"
# So many files that are no images are named; of more, their suffixes are.
NAMED = 3


@dataclasses.dataclass(frozen=True)
class Input:
    """An image to restore.

    Attributes:
      name: what it is called in messages.
      path: its file; None for standard input.
      relative: its place below an output folder.
    """

    name: str
    path: Path | None
    relative: Path


@dataclasses.dataclass
class Found:
    """What a command line names.

    Attributes:
      inputs: the images, each once.
      problems: one line for everything that is none.
      notes: one line for everything that was left out on purpose.
    """

    inputs: list[Input] = dataclasses.field(default_factory=list)
    problems: list[str] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)


def find_inputs(names: Sequence[str], output: Path | None) -> Found:
    """The images that are named.

    A folder stands for all files in it and its subfolders that have the suffix of an image, without hidden ones, by the
    rules of `aeden.data.image_members.iterate_files`. A pattern with *, ? or [ stands for the files and folders that it
    matches; ** matches any number of folders. The place of an image below the output folder is its path relative to the
    folder that was named, or to the part of the pattern before the first wildcard.

    Args:
      names: files, folders, patterns, or "-" for standard input. A name that exists is never taken for a pattern.
      output: the output folder, which is left out where it lies in a folder that is named; None for none.
    """
    found = Found()
    for name in names:
        if not name:
            found.problems.append("an input has an empty name: name a file or folder")
        elif name == STANDARD:
            found.inputs.append(Input("standard input", None, Path("stdin")))
        elif os.path.lexists(name) or not glob.has_magic(name):
            _add(found, Path(name), None, output)
        else:
            _add_matches(found, name, output)
    # The same file through two names is restored once.
    unique = {os.path.realpath(one.path) if one.path else STANDARD: one for one in reversed(found.inputs)}
    found.inputs = list(reversed(unique.values()))
    return found


def _add_matches(found: Found, pattern: str, output: Path | None) -> None:
    """Adds what a pattern matches."""
    fixed: list[str] = []
    for part in Path(pattern).parts:
        if glob.has_magic(part):
            break
        fixed.append(part)
    if ".." in Path(pattern).parts[len(fixed) :]:
        found.problems.append(f"{pattern}: results cannot keep a path with .. after a wildcard: write it without")
        return
    base = Path(*fixed)
    matches = sorted(_matches(Path(pattern).parts))
    before, walked = len(found.inputs) + len(found.problems), set[Path]()
    for match in matches:
        if walked & set(match.parents) or _is_result(match, base, output):
            continue
        if match.is_dir():
            walked.add(match)
        elif match.suffix.lower() not in SUFFIXES and not re.search(r"\.\w+$", pattern):
            continue
        _add(found, match, base, output)
    if len(found.inputs) + len(found.problems) == before:
        found.problems.append(f"{pattern}: no image matches this pattern")


def _matches(parts: Sequence[str]) -> set[Path]:
    """The files and folders that a pattern matches, given by its parts.

    Here a link to a folder that is searched anyway is not followed. `glob` follows it again and again.
    """
    if "**" not in parts:
        return {Path(match) for match in glob.glob(os.path.join(*parts))}
    first = parts.index("**")
    before, after = parts[:first], parts[first + 1 :]
    tops = _matches(before) if before else {Path()}
    folders = {folder for top in tops if top.is_dir() for folder in _folders(top)}
    if not after:
        return tops & folders
    return {match for folder in folders for match in _matches((glob.escape(str(folder)), *after))}


def _folders(top: Path) -> Iterator[Path]:
    """A folder and its subfolders, without hidden ones."""
    root, linked, waiting = top.resolve(), set[Path](), [top]
    while waiting:
        folder = waiting.pop()
        yield folder
        try:
            with os.scandir(folder) as scan:
                found = [folder / one.name for one in scan if one.is_dir() and not one.name.startswith(".")]
        except OSError:
            continue  # It matches nothing.
        waiting += [one for one in found if not one.is_symlink() or leads_elsewhere(one, root, linked)]


def _is_result(match: Path, base: Path, output: Path | None) -> bool:
    """Whether a match lies in an output folder that lies below the base of the pattern."""
    if output is None:
        return False
    place, start = output.resolve(), base.resolve()
    return place in (match.resolve(), *match.resolve().parents) and place not in (start, *start.parents)


def _add(found: Found, path: Path, base: Path | None, output: Path | None) -> None:
    """Adds a file or the files of a folder, with their places relative to `base`; None for the usual one."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        remedy = "; there is no file or folder of this name" if isinstance(error, FileNotFoundError) else ""
        found.problems.append(f"{path}: {error.strerror}{remedy}")
        return
    if stat.S_ISDIR(mode):
        _add_folder(found, path, base or path, output)
    elif stat.S_ISREG(mode):
        found.inputs.append(Input(str(path), path, path.relative_to(base) if base else Path(path.name)))
    else:
        found.problems.append(f"{path}: not a file: send its content to standard input, and name it {STANDARD}")


def _add_folder(found: Found, folder: Path, base: Path, output: Path | None) -> None:
    """Adds the images of a folder and its subfolders, but for those of the output folder."""
    before, others = len(found.inputs) + len(found.problems), list[str]()
    results = output.resolve() if output and output.resolve() != folder.resolve() else None
    try:
        for name, path in list_files(folder):
            suffix = PurePosixPath(name).suffix.lower()
            if isinstance(path, ImageError):
                # Nothing is missing where a link leads to a folder that is read anyway.
                lines = found.notes if str(path).endswith("not followed") else found.problems
                lines.append(f"{folder / name}: {path}")
            elif results and results in path.resolve().parents:
                continue
            elif suffix in OTHER_IMAGES:
                found.problems.append(f"{path}: aeden does not read {suffix} files: convert it to PNG")
            elif suffix not in SUFFIXES:
                others.append(name)
            else:
                found.inputs.append(Input(str(path), path, path.relative_to(base)))
    except ValueError as error:
        found.problems.append(str(error))
    if others:
        found.notes.append(f"{folder}: files that are no images were left out: {_listed(others)}")
    if len(found.inputs) + len(found.problems) == before:
        found.problems.append(f"{folder}: no image is in this folder; images have the suffixes {', '.join(SUFFIXES)}")


def _listed(names: Sequence[str]) -> str:
    """The names of a few files, or how many of each suffix there are."""
    if len(names) <= NAMED:
        return ", ".join(sorted(names))
    suffixes = Counter(PurePosixPath(name).suffix.lower() or "none" for name in names)
    return ", ".join(f"{count} of suffix {suffix}" for suffix, count in sorted(suffixes.items()))
