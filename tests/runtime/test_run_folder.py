"""The run folder: one run, one process, one config."""

import math
import os

import pytest

from aeden.runtime import files, run_folder
from aeden.runtime.files import DamagedFileError

DATA = {"name": "mnist", "requested": "mnist", "sha256": "a" * 64}
DEFAULTS = {"seed": 0, "epochs": 8, "model": {"features": [32, 32]}, "data": {"dir": ""}, "gan": {"latent": 64}}


def test_a_second_process_is_refused(tmp_path):
    # The lock belongs to the opened file, so the second stands for another process.
    with (
        run_folder.locked(tmp_path / "run"),
        pytest.raises(run_folder.RunFolderError, match=f"in use by another process .process {os.getpid()}"),
        run_folder.locked(tmp_path / "run"),
    ):
        pass
    assert not (tmp_path / "run").exists()  # nothing was written: no empty folder is left behind
    with run_folder.locked(tmp_path / "run"):
        (tmp_path / "run/config.json").touch()
    assert (tmp_path / "run").exists()


def claim(folder, config):
    run_folder.claim(folder, config, DATA)


def check(folder, config, defaults=None):
    run_folder.check_config(folder, config, DEFAULTS if defaults is None else defaults, ("model", "data"))


def test_another_config_is_an_error_that_shows_the_difference(tmp_path):
    config = {"seed": 0, "epochs": 8, "model": {"features": (32, 32)}, "data": {"dir": "a"}}
    claim(tmp_path, config)
    check(tmp_path, config)
    check(tmp_path, {**config, "data": {"dir": "elsewhere"}})
    with pytest.raises(run_folder.RunFolderError, match=r"model.features: \[32, 32\] there, \[32, 16\] now"):
        check(tmp_path, {**config, "model": {"features": (32, 16)}})
    with pytest.raises(run_folder.RunFolderError, match=r"epochs: 8 there, 3 now"):
        check(tmp_path, {**config, "epochs": 3})


def test_a_field_that_a_run_does_not_know_is_its_default(tmp_path):
    """A field that is added later disowns no run, unless it is set."""
    claim(tmp_path, {"seed": 0, "epochs": 3, "model": {"features": (32, 32)}})
    defaults = {**DEFAULTS, "tested": "last", "model": {**DEFAULTS["model"], "init": "he"}}
    now = {"seed": 0, "epochs": 3, "tested": "last", "model": {"features": (32, 32), "init": "he"}}
    check(tmp_path, now, defaults)
    with pytest.raises(run_folder.RunFolderError, match=r"model.init: 'he' there, 'icnr' now"):
        check(tmp_path, {**now, "model": {**now["model"], "init": "icnr"}}, defaults)
    with pytest.raises(run_folder.RunFolderError, match=r"tested: 'last' there, 'best' now"):
        check(tmp_path, {**now, "tested": "best"}, defaults)


def test_sections_of_other_tasks_do_not_count(tmp_path):
    config = {"seed": 0, "model": {"features": (32, 32)}, "gan": {"latent": 64}}
    claim(tmp_path, config)
    check(tmp_path, {**config, "gan": {"latent": 32, "width": 8}})


def test_other_data_is_an_error(tmp_path):
    run_folder.check_data(tmp_path, DATA)
    run_folder.claim(tmp_path, {"seed": 0}, {**DATA, "name": "glyphs/digits"})
    with pytest.raises(run_folder.RunFolderError, match="was trained on glyphs/digits"):
        run_folder.check_data(tmp_path, {**DATA, "sha256": "b" * 64})


def test_a_damaged_config_is_named(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(files.DamagedFileError, match=r"config.json is damaged"):
        check(tmp_path, {})


def test_a_folder_that_cannot_be_one_is_named_with_the_remedy(tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file/run", tmp_path / ("x" * 300)):
        with (
            pytest.raises(
                run_folder.RunFolderError, match=r"cannot be used as a run folder .*choose another --workdir"
            ),
            run_folder.locked(folder),
        ):
            pass


def test_a_null_figure_of_a_summary_is_read_as_nan(tmp_path):
    files.write_json(tmp_path / "summary.json", {"test": {"psnr": math.inf, "ssim": 1.0}, "best_step": None})
    summary = run_folder.finished(tmp_path)
    assert math.isnan(summary["test"]["psnr"])
    assert (summary["test"]["ssim"], summary["best_step"]) == (1.0, None)


@pytest.mark.parametrize("data", ['{"name": "a", "sha257": "b"}', '{"name": 1, "sha256": "b"}'])
def test_a_record_without_its_data_is_named(tmp_path, data):
    (tmp_path / "config.json").write_text(f'{{"config": {{}}, "dataset": {data}}}')
    with pytest.raises(DamagedFileError, match="does not name the data of its run"):
        run_folder.check_data(tmp_path, {"name": "a", "sha256": "b"})
