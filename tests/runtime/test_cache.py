"""The cache folder, and the lock for what is made there."""

import tempfile
import threading
import time
from pathlib import Path

import pytest

from aeden.runtime.cache import cache_folder, only_one


def test_the_cache_folder_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("AEDEN_CACHE", str(tmp_path / "chosen"))
    assert cache_folder() == tmp_path / "chosen"
    monkeypatch.delenv("AEDEN_CACHE")
    assert cache_folder() == tmp_path / "xdg" / "aeden"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == Path(tmp_path / "home" / ".cache" / "aeden")
    assert cache_folder().is_dir()


def test_an_unusable_cache_folder_is_an_error_only_if_the_user_chose_it(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("AEDEN_CACHE", str(tmp_path / "file"))
    with pytest.raises(PermissionError, match="AEDEN_CACHE"):
        cache_folder()
    monkeypatch.delenv("AEDEN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    temporary = cache_folder()
    assert temporary.is_dir()
    assert temporary.stat().st_mode & 0o077 == 0
    assert cache_folder() == temporary  # one folder, however often it is asked for, at any start
    temporary.rmdir()
    (tmp_path / "elsewhere").mkdir()
    temporary.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PermissionError, match="not a folder of yours alone"):
        cache_folder()


def test_only_one_block_of_a_lock_runs_at_a_time(tmp_path):
    # Each `open` has its own lock, so threads behave here like processes.
    inside, most = [0], [0]

    def run():
        for _ in range(20):
            with only_one(tmp_path / "lock"):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0.0005)
                inside[0] -= 1

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
