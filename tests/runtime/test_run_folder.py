"""The run folder: one run, one process, one config."""

import json
import os

import pytest

from aeden.runtime import files, provenance, run_folder

DATA = {"name": "mnist", "requested": "mnist", "sha256": "a" * 64}


def test_a_second_process_is_refused(tmp_path):
    # The lock belongs to the opened file, so the second stands for another process.
    with (
        run_folder.locked(tmp_path / "run"),
        pytest.raises(run_folder.RunFolderError, match=f"in use by another process .process {os.getpid()}"),
        run_folder.locked(tmp_path / "run"),
    ):
        pass
    with run_folder.locked(tmp_path / "run"):
        pass


def test_another_config_is_an_error_that_shows_the_difference(tmp_path):
    config = {"seed": 0, "model": {"features": (32, 32)}, "data": {"dir": "a"}}
    run_folder.claim(tmp_path, config, DATA)
    run_folder.claim(tmp_path, {**config, "data": {"dir": "elsewhere"}}, DATA)
    with pytest.raises(run_folder.RunFolderError, match=r"model.features: \[32, 32\] there, \[32, 16\] now"):
        run_folder.claim(tmp_path, {**config, "model": {"features": (32, 16)}}, DATA)
    with pytest.raises(run_folder.RunFolderError, match=r"epochs: '\(absent\)' there, 3 now"):
        run_folder.check_config(tmp_path, {**config, "epochs": 3})


def test_other_data_is_an_error(tmp_path):
    run_folder.claim(tmp_path, {"seed": 0}, {**DATA, "name": "glyphs/digits"})
    with pytest.raises(run_folder.RunFolderError, match="was trained on glyphs/digits"):
        run_folder.claim(tmp_path, {"seed": 0}, {**DATA, "sha256": "b" * 64})


def test_a_damaged_config_is_named(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(run_folder.RunFolderError, match=r"config.json is damaged"):
        run_folder.check_config(tmp_path, {})


def test_files_are_written_at_once_or_not_at_all(tmp_path):
    files.write_json(tmp_path / "a.json", {"x": 1})
    with pytest.raises(TypeError):
        files.write_json(tmp_path / "a.json", {"x": object()})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_result_can_tell_its_cause():
    assert {"python", "jax", "flax", "optax", "orbax-checkpoint"} <= provenance.versions().keys()
    assert provenance.hardware()["devices"] == 2
    assert provenance.commit()
