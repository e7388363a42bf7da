"""Data sets that aeden can prepare itself from the published files: taken from disk if possible, else downloaded."""

from __future__ import annotations

import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from aeden.data import tfds_folder
from aeden.data.dataset import DatasetNotFound, Opened
from aeden.runtime.cache import cache_folder

Content = TypeVar("Content")

# Seconds to wait for the server before a download counts as impossible.
PROBE_SECONDS = 4.0


def open_published(
    name: str,
    data_dir: str,
    files: dict[str, Path] | None,
    url: str,
    file_names: str,
    make_builder: Callable[[Path], Any],
) -> Opened:
    """Opens a published data set: its prepared TFDS folder, else local files, else a download.

    Local files are prepared in aeden's cache, and nothing is written to their folder. A download stays in the data
    folder, as with TFDS.

    Args:
      name: the TFDS name, "mnist" or "notmnist/small".
      data_dir: the data folder, see `tfds_folder.data_folder`.
      files: the published files that were found in the data folder; None if they are not complete.
      url: address that the files are downloaded from.
      file_names: the published files in words, for the error message.
      make_builder: folder -> a TFDS builder that prepares the set there.

    Raises:
      DatasetNotFound: the set is not on disk, and the server cannot be reached.
      ValueError: a file is damaged.
    """
    folder = tfds_folder.data_folder(data_dir)
    prepared = tfds_folder.find_readable(folder, name)
    if prepared is not None:
        return tfds_folder.read(prepared)
    if files is not None:
        folder = cache_folder() / "tfds" / tfds_folder.fingerprint(*files.values())
    elif problem := _unreachable(url):
        raise DatasetNotFound(
            f"{name} is not in {folder}, and {problem}. Put {file_names} into a folder and name that folder "
            "with --config.data.dir=FOLDER or AEDEN_DATA=FOLDER, or connect to the internet"
        )
    else:
        print(f"downloading {file_names} from {url} to {folder} ...", file=sys.stderr, flush=True)
    if tfds_folder.find(folder, name) is None or files is None:
        tfds_folder.prepare(make_builder, folder)
    prepared = tfds_folder.find(folder, name)
    assert prepared is not None, "a builder that ends without an error has written its folder"
    return tfds_folder.read(prepared)


def checked_download(path: Path, check: Callable[[], Content]) -> Content:
    """What `check` returns for a downloaded file. If it raises ValueError, the file is deleted, to be loaded anew."""
    try:
        return check()
    except ValueError:
        path.unlink(missing_ok=True)
        path.with_name(f"{path.name}.INFO").unlink(missing_ok=True)  # of TFDS
        raise


def _unreachable(url: str) -> str | None:
    """Why the server of `url` cannot be reached, decided within seconds; None if it answers.

    TFDS itself would keep trying for minutes. A name look-up has no time limit, so it runs in a thread.
    """
    problem = [f"no answer from {url} within {PROBE_SECONDS:g} s"]

    def probe() -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=PROBE_SECONDS).close()
            problem[0] = ""
        except urllib.error.HTTPError:
            problem[0] = ""  # The server answers. Whether the file exists turns out during the download.
        except (OSError, ValueError) as error:
            problem[0] = f"{url} cannot be reached ({getattr(error, 'reason', error)})"

    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS + 1)
    return problem[0] or None
