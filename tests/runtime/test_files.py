"""Files: written completely or not at all; damaged files are named."""

import errno
import json
import math
import os

import pytest

from aeden.runtime import files


def test_a_file_is_written_completely_or_not_at_all(tmp_path):
    files.write_json(tmp_path / "a.json", {"x": 1})
    with pytest.raises(TypeError):
        files.write_json(tmp_path / "a.json", {"x": object()})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    files.write_text(tmp_path / "a.txt", "old")

    def full(descriptor):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="disk full"):
        files.write_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_written_file_is_readable_for_everyone(tmp_path):
    files.write_text(tmp_path / "a.txt", "text")
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("content", [b"", b"{", b"\xff"])
def test_a_damaged_file_is_named(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(files.DamagedFileError, match=r"a.json is damaged"):
        files.read_json(tmp_path / "a.json")
    assert issubclass(files.DamagedFileError, ValueError)
    with pytest.raises(FileNotFoundError):
        files.read_json(tmp_path / "b.json")


def test_a_table_has_all_columns_and_leaves_missing_values_empty(tmp_path):
    files.write_csv(tmp_path / "a.csv", [{"run": 0, "psnr": 1.5}, {"run": 1, "ssim": 0.25}])
    assert (tmp_path / "a.csv").read_text() == "run,psnr,ssim\n0,1.5,\n1,,0.25\n"
    assert files.columns([{"b": 1}, {"a": 2, "b": 3}]) == ["b", "a"]


def test_what_is_not_finite_is_null_so_that_every_reader_takes_it(tmp_path):
    files.write_json(tmp_path / "a.json", {"psnr": math.inf, "list": [1.5, math.nan], "tuple": (-math.inf, 2)})
    assert "NaN" not in (tmp_path / "a.json").read_text()
    assert files.read_json(tmp_path / "a.json") == {"psnr": None, "list": [1.5, None], "tuple": [None, 2]}
    (tmp_path / "old.json").write_text('{"psnr": Infinity}')
    assert files.read_json(tmp_path / "old.json") == {"psnr": math.inf}


def test_a_failed_write_names_the_file_and_the_remedy(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"a\.txt") as failed:
        files.write_text(tmp_path / "a.txt", "new")
    assert files.explain(failed.value) == (
        f"{tmp_path / 'a.txt'}: No space left on device; make room on that disk, and run the same command again"
    )
    assert list(tmp_path.iterdir()) == []
