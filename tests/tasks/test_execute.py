"""Runs in their folders: those of earlier versions are continued, and a task is chosen by the config."""

import contextlib
import io
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import write_images

from aeden.data.sources import open_dataset
from aeden.inference.finished_run import load_run
from aeden.runtime import files, identity, run_folder
from aeden.tasks import execute
from aeden.tasks.denoise.run import DenoiseRun
from aeden.tasks.unused_values import check_known, unused_values
from aeden.training.checkpoints import newest_params
from aeden.training.divergence import TrainingDiverged
from configs import base, smoke

# Made by commit cf409f4, before the packages of today existed, with the config below, and stopped at step 301.
BEFORE = Path(__file__).parent / "fixtures/run_before_redesign.tar.gz"


def leave_out_figures(patch):
    """They are tests of test_commands.py, and the measures that they show of test_decoder_artifacts.py."""
    patch.setattr(DenoiseRun, "_draw", lambda *_: None)
    patch.setattr(DenoiseRun, "_measure_artifacts", lambda *_: None)


@pytest.fixture(autouse=True)
def without_figures(monkeypatch):
    leave_out_figures(monkeypatch)


def make_config(folder):
    """A small network on 80 images, which are written into the folder."""
    coarse = np.random.default_rng(7).integers(0, 256, (80, 3, 3), dtype=np.uint8)
    write_images(folder / "images", np.kron(coarse, np.ones((1, 4, 4), np.uint8)))
    config = smoke.get_config()
    config.data.name, config.data.dir, config.data.limit = "folder", str(folder / "images"), 0
    config.model.features, config.batch_size = (2, 2), 16
    config.epochs, config.steps, config.log_every = 0.0, 600, 100
    config.checkpoint.every, config.checkpoint.keep, config.eval.every = 100, 1, 300
    return config


@pytest.fixture
def config(tmp_path):
    return make_config(tmp_path)


def run(config, folder):
    return execute.execute(config, base.get_config().to_dict(), folder, time.monotonic())


# What an uninterrupted run of this config ends with, to five digits; the proof below computes it anew.
WHOLE = {"psnr": 15.070, "ssim": 0.65147, "bce": 0.59462, "mse": 0.032857}


@pytest.fixture(scope="module")
def continued(tmp_path_factory):
    """The folder of the run of the earlier version, its config, its summary, and what was printed."""
    folder = tmp_path_factory.mktemp("earlier")
    with tarfile.open(BEFORE) as archive:
        archive.extractall(folder / "run", filter="data")
    assert "checkpoint" not in run_folder.recorded_config(folder / "run")["eval"]  # a field that was added since
    config, said = make_config(folder), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(said):
        leave_out_figures(patch)
        summary, was_finished = run(config, folder / "run")
    assert not was_finished
    return folder / "run", config, summary, said.getvalue()


def test_a_run_of_an_earlier_version_is_continued(continued):
    """To the end that this version reaches by itself, up to rounding, since the processor may be another one."""
    folder, config, summary, said = continued
    assert "resuming at step 301" in said
    assert {metric: summary["test"][metric] for metric in WHOLE} == pytest.approx(WHOLE, rel=1e-3)
    assert run(config, folder)[1]


@pytest.mark.proof
def test_a_run_of_an_earlier_version_ends_as_a_whole_one(continued, tmp_path):
    folder, config, _, _ = continued
    whole, _ = run(config, tmp_path / "whole")
    assert {metric: whole["test"][metric] for metric in WHOLE} == pytest.approx(WHOLE, rel=1e-3)
    params, expected = (newest_params(path / "checkpoints")[1] for path in (folder, tmp_path / "whole"))
    for name in ("encoder", "decoder"):
        for stage in expected[name]:
            one, other = (
                np.concatenate([x.ravel() for x in _leaves(tree[name][stage])]) for tree in (params, expected)
            )
            np.testing.assert_allclose(one, other, atol=1e-2)
    images = np.random.default_rng(0).uniform(size=(1, 12, 12, 1)).astype(np.float32)
    np.testing.assert_allclose(*(load_run(path)(images) for path in (folder, tmp_path / "whole")), atol=1e-2)


def _leaves(tree):
    return [tree] if not isinstance(tree, dict) else [leaf for name in sorted(tree) for leaf in _leaves(tree[name])]


def test_a_finished_run_stays_finished_when_other_tasks_get_fields(config, tmp_path, capsys):
    """Unless its summary is damaged, which is named."""
    config.steps, config.gan.latent = 2, 5
    run(config, tmp_path / "run")
    assert "config: gan.latent=5 has no effect with task=denoise\n" in capsys.readouterr().err
    config.gan.latent = base.get_config().gan.latent
    later, defaults = config.copy_and_resolve_references(), base.get_config()
    for changed in (later, defaults):
        with changed.unlocked():
            changed.gan.new, changed.model.new, changed.segment = 3, "a", {"classes": 10}
    assert execute.execute(later, defaults.to_dict(), tmp_path / "run", time.monotonic())[1]
    later.model.new = "b"
    with pytest.raises(run_folder.RunFolderError, match=r"model.new: 'a' there, 'b' now"):
        execute.execute(later, defaults.to_dict(), tmp_path / "run", time.monotonic())
    (tmp_path / "run/summary.json").write_text("{")
    with pytest.raises(files.DamagedFileError, match=r"summary.json is damaged"):
        run(config, tmp_path / "run")


@pytest.mark.parametrize(
    ("task", "fields", "expected"),
    [
        ("gan", {"loss": "l1", "noise.level": 0.2, "gan.latent": 5}, {"loss": "l1", "noise.level": 0.2}),
        ("gan", {"optimizer.name": "sgd", "optimizer.warmup_steps": 7}, {"optimizer.name": "sgd"}),
        ("segment", {"noise.level": 0.2, "gan.r1_every": 2}, {"gan.r1_every": 2}),
    ],
)
def test_the_fields_that_a_task_does_not_read_are_found(task, fields, expected):
    config = base.get_config()
    config.update_from_flattened_dict(fields)
    read = execute.TASKS[task]
    found = identity.without_effect(config.to_dict(), base.get_config().to_dict(), read.sections, read.ignored)
    assert found == expected


def test_the_best_checkpoint_is_tested_if_asked_for_and_not_if_it_is_damaged(config, tmp_path, capsys):
    """The summary's step and metrics are those of the best checkpoint. If it is damaged, the next best is tested."""
    # With too high a rate the first validation is the best; it is none of the newest two.
    config.steps, config.eval.every, config.learning_rate, config.optimizer.warmup_steps = 60, 20, 1.0, 0
    config.eval.checkpoint, config.checkpoint.keep = "best", 2
    summary, _ = run(config, tmp_path / "run")
    rows = {row["step"]: row["validation_psnr"] for row in _validated(tmp_path / "run")}
    best = max(rows, key=rows.get)
    assert summary["tested_step"] == summary["best_step"] == best < 40
    assert summary["validation"]["psnr"] == pytest.approx(max(rows.values()), rel=1e-6)

    (tmp_path / "run/summary.json").unlink()
    folder = tmp_path / f"run/checkpoints/{best}"
    largest = max((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 255
    largest.write_bytes(content)
    again = run(config, tmp_path / "run")[0]
    del rows[best]
    assert again["tested_step"] == max(rows, key=rows.get)
    assert f"checkpoint {best}, the best on validation, is not used: its file" in capsys.readouterr().err


def _validated(folder):
    import csv

    with open(folder / "metrics.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["validation_psnr"]]
    return [{"step": int(row["step"]), "validation_psnr": float(row["validation_psnr"])} for row in rows]


def test_a_config_that_cannot_work_claims_no_folder(config, tmp_path):
    config.loss = "l2"
    with pytest.raises(ValueError, match="unknown loss"):
        run(config, tmp_path / "run")
    assert not (tmp_path / "run/config.json").exists()
    config.task = "paint"
    with pytest.raises(ValueError, match="unknown task 'paint': use one of denoise, stack, gan"):
        run(config, tmp_path / "run")


def test_a_typo_does_not_keep_the_right_command_from_the_folder(config, tmp_path):
    config.noise.kind, config.steps, config.eval.test = "guassian", 1, False
    with pytest.raises(ValueError, match=r"unknown noise\.kind 'guassian'"):
        run(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    config.noise.kind = "gaussian"
    assert not run(config, tmp_path / "run")[1]
    # The same command again tells the result, and touches nothing: the folder may be read-only.
    (tmp_path / "run/.lock").unlink()
    before = {path: path.stat().st_mtime_ns for path in [tmp_path / "run", *(tmp_path / "run").rglob("*")]}
    assert run(config, tmp_path / "run")[1]
    assert before == {path: path.stat().st_mtime_ns for path in [tmp_path / "run", *(tmp_path / "run").rglob("*")]}


def test_a_run_whose_network_is_dead_says_so_at_the_end(config, tmp_path):
    config.steps, config.optimizer.name, config.optimizer.weight_decay = 1, "sgd", 0.0
    config.learning_rate, config.optimizer.warmup_steps = 1e9, 0
    summary = run(config, tmp_path / "run")[0]
    assert np.isfinite(summary["test"]["psnr"])
    assert "  warning: the " in execute.closing(summary)


GENERATOR = {"task": "gan", "gan.samples": 0, "gan.discriminator": (4,), "gan.hidden": (), "gan.width": 4}
STACK = {"task": "stack", "stack.layerwise": False, "stack.pretrain_epochs": 1.0, "stack.embedding": "none"}


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="denoise"),
        pytest.param(STACK, marks=pytest.mark.proof, id="pre-training"),
        pytest.param({**STACK, "stack.pretrain_epochs": 0.0}, id="head"),
    ],
)
def test_a_run_whose_last_update_breaks_it_has_diverged(config, tmp_path, fields):
    """Its only loss is that of the initial parameters."""
    config.update_from_flattened_dict(fields)
    config.data.limit = config.batch_size
    config.steps, config.learning_rate, config.stack.pretrain_learning_rate = 1, 1e38, 1e38
    with pytest.raises(TrainingDiverged, match=r"^the largest parameter is \S+ at step 1; none is saved"):
        run(config, tmp_path / "run")
    assert not list(tmp_path.rglob("checkpoints/*.json"))
    assert not list(tmp_path.rglob("summary.json"))


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"model.decoder": "large_context"}, "set model.decoder_kernel_size"),
        ({"model.decoder": "unpool", "model.features": (4, 2)}, "max-unpooling needs"),
        ({"model.decoder": "bilinear_additive", "model.features": (6, 6)}, "multiples of 4"),
        ({"model.decoder": "smoothed_transpose", "model.init": "icnr"}, "init='icnr'"),
        ({**STACK, "model.decoder": "large_context"}, "set model.decoder_kernel_size"),
        ({**GENERATOR, "model.decoder": "large_context"}, "set model.decoder_kernel_size"),
        ({"model.architecture": "dense"}, "model.features=.* has no effect"),
        ({**STACK, "stack.pretrained": "nowhere"}, "holds no finished run"),
        ({"model.factors": (32, 1), "model.features": (4, 4)}, r"model.factors \(32, 1\) begins with more than"),
    ],
)
def test_what_the_networks_or_other_runs_refuse_leaves_no_folder(config, tmp_path, fields, match):
    config.update_from_flattened_dict(fields)
    with pytest.raises(ValueError, match=match):
        run(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_dense_run_that_was_finished_before_a_field_was_refused_stays_finished(config, tmp_path, monkeypatch):
    config.update_from_flattened_dict({"model.architecture": "dense", "model.stages": 3, "steps": 1})
    with monkeypatch.context() as earlier:
        earlier.setattr(execute, "check_has_effect", lambda model: None)
        run(config, tmp_path / "run")
    assert run(config, tmp_path / "run")[1]
    with pytest.raises(ValueError, match=r"has no effect with model\.architecture=dense"):
        run(config, tmp_path / "other")


@pytest.mark.parametrize(("requested", "used"), [("mnist", "glyphs/digits"), ("notmnist", "glyphs/letters")])
def test_the_banner_for_a_fallback_names_both_sets(tmp_path, requested, used):
    data = open_dataset(requested, str(tmp_path), limit=50)
    banner = execute.banner(data)
    assert f"TRAINING ON {used.upper()} INSTEAD" in banner
    assert str(tmp_path) in " ".join(banner.split())
    assert len({len(line) for line in banner.splitlines()}) == 1


@pytest.mark.parametrize("content", ['{"a": 1}', '{"dataset": "a", "requested_dataset": "a", "test": {}}'])
def test_a_summary_of_something_else_is_named(tmp_path, content):
    (tmp_path / "summary.json").write_text(content)
    with pytest.raises(files.DamagedFileError, match=r"summary.json is not the summary of a run: delete it"):
        execute._finished(tmp_path)


def test_a_network_larger_than_the_memory_is_refused_before_it_is_made(monkeypatch):
    monkeypatch.setattr(execute.os, "sysconf", lambda name: 1 if name == "SC_PAGE_SIZE" else 5_000)
    config = smoke.get_config()
    dataset = open_dataset(config.data.name, "", limit=64)
    with pytest.raises(ValueError, match=r"take .* and this machine has 4.9 KiB of memory: use smaller numbers"):
        execute.prepare(config, dataset)


def test_fields_that_others_make_useless_are_told():
    defaults = base.get_config().to_dict()
    config = base.get_config()
    config.model.placement, config.noise.kind, config.noise.level = "before", "speckle", 0.0
    sections = ("model", "noise")
    config.model.decoder = "transpose"
    assert unused_values(config.to_dict(), defaults, sections) == [
        ("model.placement", "before", "model.decoder=transpose"),
        ("noise.kind", "speckle", "noise.level=0"),
    ]
    config.model.decoder, config.noise.level_max = "upsample", 0.5
    assert unused_values(config.to_dict(), defaults, sections) == []
    config.noise.level_max = 0.0
    assert unused_values(config.to_dict(), defaults, ("model",)) == []


def test_a_misspelt_field_is_refused_before_a_run_begins(config, tmp_path):
    """One that an earlier version began goes on."""
    defaults = base.get_config().to_dict()
    wrong = config.copy_and_resolve_references()
    wrong.lerning_rate = 0.1
    with pytest.raises(ValueError, match="there is no field lerning_rate; did you mean learning_rate"):
        execute.execute(wrong, defaults, tmp_path / "run", time.monotonic())
    assert not (tmp_path / "run" / "config.json").exists()
    check_known(config.to_dict(), defaults)
    wrong = config.copy_and_resolve_references()
    wrong.model.quite_another = 3
    with pytest.raises(ValueError, match=r"there is no field model\.quite_another: configs/base\.py lists"):
        check_known(wrong.to_dict(), defaults)


def test_noise_of_other_levels_is_noise():
    """Levels of the test, of a stack and of its head read the kind as well."""
    defaults, config = base.get_config().to_dict(), base.get_config()
    config.noise.kind, config.noise.level = "speckle", 0.0
    config.eval.levels = (0.2,)
    config.stack.levels, config.stack.head_noise = (), 0.0
    assert unused_values(config.to_dict(), defaults, ("noise",)) == []
    config.eval.levels, config.stack.levels = (), (0.5,)
    assert unused_values(config.to_dict(), defaults, ("noise",)) == []
    config.stack.levels = ()
    assert unused_values(config.to_dict(), defaults, ("noise",)) == [("noise.kind", "speckle", "noise.level=0")]
