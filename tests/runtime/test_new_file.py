"""Files that get their names once they are complete."""

import errno
import os
import stat
from pathlib import Path

import pytest

from aeden.runtime.files import new_file
from aeden.runtime.new_folder import new_folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_it_is_complete(tmp_path):
    with new_file(tmp_path / "a") as file:
        file.write(b"content")
        assert not (tmp_path / "a").exists()
    assert (tmp_path / "a").read_bytes() == b"content"
    assert names(tmp_path) == ["a"]


def test_nothing_is_left_of_a_file_that_fails(tmp_path):
    (tmp_path / "a").write_bytes(b"before")

    def fail():
        with new_file(tmp_path / "a", replace=True) as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (tmp_path / "a").read_bytes() == b"before"
    assert names(tmp_path) == ["a"]


def test_what_exists_is_kept_unless_it_is_to_be_replaced(tmp_path):
    (tmp_path / "a").write_bytes(b"before")
    with pytest.raises(FileExistsError), new_file(tmp_path / "a"):
        pass

    def too_late():
        with new_file(tmp_path / "b") as file:
            file.write(b"mine")
            (tmp_path / "b").write_bytes(b"theirs")  # came while this one was written

    with pytest.raises(FileExistsError) as refused:
        too_late()
    assert refused.value.filename == str(tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"theirs"
    with new_file(tmp_path / "a", replace=True) as file:
        file.write(b"after")
    assert (tmp_path / "a").read_bytes() == b"after"
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError), new_file(tmp_path / "link"):
        pass
    assert names(tmp_path) == ["a", "b", "link"]


def test_an_error_names_the_file_and_not_its_temporary_name(tmp_path):
    with pytest.raises(FileNotFoundError) as refused, new_file(tmp_path / "gone" / "a"):
        pass
    assert refused.value.filename == str(tmp_path / "gone" / "a")


def test_an_error_names_the_folder_and_not_its_temporary_name(tmp_path, monkeypatch):
    def refuse(path):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "mkdir", lambda path, **options: None if options else refuse(path))
    with pytest.raises(OSError, match="Read-only") as refused, new_folder(tmp_path / "out", lambda path: None):
        pass
    assert refused.value.filename == str(tmp_path / "out")


@pytest.mark.parametrize("name", ["a file/out", "a file/sub/out"])
def test_a_folder_below_a_file_is_refused_as_that(tmp_path, name):
    (tmp_path / "a file").write_text("")
    with pytest.raises(NotADirectoryError), new_folder(tmp_path / name, lambda path: None):
        pass


def test_file_systems_without_hard_links(tmp_path, monkeypatch):
    def refuse(*arguments):
        raise PermissionError("no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    with new_file(tmp_path / "a") as file:
        file.write(b"content")
    assert names(tmp_path) == ["a"]
    with pytest.raises(FileExistsError), new_file(tmp_path / "b"):
        (tmp_path / "b").write_bytes(b"theirs")
    assert (tmp_path / "b").read_bytes() == b"theirs"


def test_permissions_follow_the_umask_or_the_file_that_is_replaced(tmp_path):
    before = os.umask(0o027)
    try:
        with new_file(tmp_path / "a"):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640
    (tmp_path / "a").chmod(0o600)
    with new_file(tmp_path / "a", replace=True):
        pass
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600


def test_a_name_of_the_greatest_length(tmp_path):
    with new_file(tmp_path / ("n" * 255)) as file:
        file.write(b"content")
    assert names(tmp_path) == ["n" * 255]
