"""The commands as their users run them: whole processes, from the first to the last line."""

import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest
from conftest import ROOT, start, write_mnist
from documents import documented_commands, documented_keys
from PIL import Image
from test_notes import parsed

from aeden.runtime import run_folder
from aeden.runtime.files import read_json
from aeden.tasks import execute, from_config
from experiments.ablate import grid, verdict
from tests.reliability.processes import free_port

SMOKE = "--config=configs/smoke.py"
SUMMARY = {
    "dataset",
    "requested_dataset",
    "dataset_sha256",
    "decoder",
    "parameters",
    "seed",
    "steps",
    "epochs",
    "wall_seconds",
    "seconds",
    "images_per_second",
    "versions",
    "commit",
    "noisy",
    "test",
}


def state(workdir):
    """The newest checkpoint's arrays, read by Orbax alone."""
    import orbax.checkpoint as ocp

    step = max(int(path.stem) for path in (workdir / "checkpoints").glob("*.json"))
    with warnings.catch_warnings(), ocp.PyTreeCheckpointer() as checkpointer:
        warnings.simplefilter("ignore")  # it says that it takes the shardings from the checkpoint
        tree = checkpointer.restore(workdir / "checkpoints" / str(step))
    return {"/".join(map(str, path)): np.asarray(leaf) for path, leaf in flat(tree)}


def flat(tree, path=()):
    """(path, leaf) of nested dicts and lists."""
    if isinstance(tree, dict | list | tuple):
        items = tree.items() if isinstance(tree, dict) else enumerate(tree)
        for name, value in items:
            yield from flat(value, (*path, name))
    elif tree is not None:
        yield path, tree


def assert_same_run(one, other):
    mine, its = state(one), state(other)
    assert mine.keys() == its.keys()
    assert all((mine[name] == its[name]).all() for name in mine)
    assert (one / "metrics.csv").read_bytes() == (other / "metrics.csv").read_bytes()
    ours, theirs = (read_json(folder / "summary.json") for folder in (one, other))
    assert {name: ours[name] for name in ("test", "noisy", "validation", "steps", "dataset_sha256")} == {
        name: theirs[name] for name in ("test", "noisy", "validation", "steps", "dataset_sha256")
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory, run_main):
    """A finished smoke run on two devices: its folder and what it printed."""
    workdir = tmp_path_factory.mktemp("finished") / "run"
    return workdir, run_main(SMOKE, f"--workdir={workdir}", "--cpu_devices=2")


def test_the_run_folder_holds_everything(finished):
    workdir, result = finished
    assert result.stdout.splitlines()[-1] == f"run: {workdir}"
    names = {path.name for path in workdir.iterdir() if not path.name.startswith(".")}
    assert names == {
        "config.json",
        "metrics.csv",
        "tensorboard",
        "checkpoints",
        "samples.png",
        "curves.png",
        "responses.png",
        "examples.npz",
        "summary.json",
    }
    summary = read_json(workdir / "summary.json")
    assert summary.keys() >= SUMMARY
    assert summary.keys() <= documented_keys()
    assert {"bce", "mse", "psnr", "ssim"} <= summary["noisy"].keys()
    assert {"bce", "bce_excess", "mse", "psnr", "ssim"} <= summary["test"].keys()
    assert (summary["dataset"], summary["steps"], summary["hardware"]["devices"]) == ("glyphs/digits", 20, 2)
    assert summary["test"]["psnr"] > 5
    seconds = dict(summary["seconds"])
    parts = ("start", "data", "compile", "train", "validation", "checkpoints", "test", "artifacts", "pictures")
    assert {*parts, "total"} <= seconds.keys()
    assert min(seconds.values()) >= 0
    assert seconds["total"] == summary["wall_seconds"]
    assert seconds.pop("total") == pytest.approx(sum(seconds.values()), abs=1e-3 * len(seconds))
    with Image.open(workdir / "samples.png") as image:
        assert image.size[0] > 600


def test_a_finished_run_says_so_and_does_nothing(finished, run_main):
    workdir, _ = finished
    before = {path: path.stat().st_mtime_ns for path in workdir.rglob("*") if path.is_file() and path.name != ".lock"}
    result = run_main(SMOKE, f"--workdir={workdir}")
    assert "this run is finished" in result.stdout
    assert result.stdout.splitlines()[-1] == f"run: {workdir}"
    assert before == {path: path.stat().st_mtime_ns for path in before}


@pytest.mark.proof
def test_a_run_killed_at_random_moments_ends_bit_identical(tmp_path, run_main):
    options = (SMOKE, "--config.epochs=0", "--config.steps=70", "--config.checkpoint.every=7")
    run_main(*options, f"--workdir={tmp_path / 'whole'}")
    moments, killed = random.Random(time.time_ns()), []
    while len(killed) < 2:
        process = start("experiments.main", *options, f"--workdir={tmp_path / 'killed'}")
        metrics, rows = tmp_path / "killed/metrics.csv", sum(killed[-1:])
        # Training is under way once the log has grown; then at any time within the next second.
        while process.poll() is None and (not metrics.exists() or metrics.read_text().count("\n") <= rows + 3):
            time.sleep(0.01)
        time.sleep(moments.random())
        process.kill()
        process.communicate()
        if process.returncode != -signal.SIGKILL:
            break  # it was faster than its killer
        killed.append(metrics.read_text().count("\n"))
    assert killed
    run_main(*options, f"--workdir={tmp_path / 'killed'}")
    assert_same_run(tmp_path / "killed", tmp_path / "whole")


def train_losses(workdir):
    rows = (workdir / "metrics.csv").read_text().splitlines()
    column = rows[0].split(",").index("train_loss")
    return [float(row.split(",")[column]) for row in rows[1:]]


# In the suite each task compares single steps of one, two and eight devices.
@pytest.mark.proof
@pytest.mark.parametrize("devices", [8, 1])
def test_one_two_and_eight_devices_give_the_same_losses(tmp_path, run_main, finished, devices):
    """The whole training. It does not depend on whether the run is tested in the end."""
    workdir = tmp_path / "run"
    run_main(SMOKE, f"--workdir={workdir}", f"--cpu_devices={devices}", "--config.eval.test=False")
    assert read_json(workdir / "summary.json")["hardware"]["devices"] == devices
    losses = train_losses(workdir)
    assert len(losses) == 20
    np.testing.assert_allclose(losses, train_losses(finished[0]), atol=1e-5)


def test_two_processes_make_one_run(tmp_path, finished):
    shared = (SMOKE, f"--workdir={tmp_path / 'run'}", f"--coordinator=127.0.0.1:{free_port()}", "--processes=2")
    processes = [start("experiments.main", *shared, f"--process={i}", "--cpu_devices=1") for i in range(2)]
    try:
        results = [process.communicate(timeout=300) for process in processes]
    except subprocess.TimeoutExpired:
        for process in processes:
            process.send_signal(signal.SIGABRT)
        pytest.fail("they wait for ever:\n" + "\n".join(process.communicate()[1] for process in processes))
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert [process.returncode for process in processes] == [0, 0], results
    ours, alone = (read_json(folder / "summary.json") for folder in (tmp_path / "run", finished[0]))
    assert ours["hardware"]["processes"] == 2
    np.testing.assert_allclose(ours["test"]["bce"], alone["test"]["bce"], atol=1e-5)
    assert results[0][0].splitlines()[-1] == f"run: {tmp_path / 'run'}"


def test_an_interrupt_saves_and_the_same_command_goes_on(tmp_path, run_main, finished):
    process = start("experiments.main", SMOKE, f"--workdir={tmp_path / 'run'}")
    metrics = tmp_path / "run/metrics.csv"
    while process.poll() is None and (not metrics.exists() or metrics.read_text().count("\n") < 3):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130, err
    assert "run the same command again to go on" in err.splitlines()[-1]
    result = run_main(SMOKE, f"--workdir={tmp_path / 'run'}")
    assert "resuming at step" in result.stderr
    assert_same_run(tmp_path / "run", finished[0])


def test_a_second_process_in_the_folder_is_refused(tmp_path, run_main):
    (tmp_path / "run").mkdir()
    with run_folder.locked(tmp_path / "run"):  # as the first one holds it
        second = run_main(SMOKE, f"--workdir={tmp_path / 'run'}", check=False)
    assert_one_line_error(second, "is in use by another process")


def test_missing_data_are_replaced_with_a_banner_and_told_everywhere(tmp_path, run_main):
    """A stack with a head on pixels is the task that takes the least time to compile."""
    options = (
        "--config=configs/transpose_mnist.py",
        "--config.task=stack",
        "--config.stack.head=pixels",
        "--config.data.limit=64",
        "--config.batch_size=32",
        f"--workdir={tmp_path / 'run'}",
    )
    result = run_main(*options, "--config.epochs=1")
    assert "NOT TRAINING ON MNIST: TRAINING ON GLYPHS/DIGITS INSTEAD" in result.stderr
    assert "glyphs/digits (NOT mnist)" in result.stdout
    summary = read_json(tmp_path / "run/summary.json")
    assert (summary["dataset"], summary["requested_dataset"]) == ("glyphs/digits", "mnist")
    # The data are found later: results on other data must not pass as results on these.
    split = {
        "train": np.random.default_rng(0).integers(0, 256, (120, 28, 28), dtype=np.uint8),
        "test": np.zeros((20, 28, 28), np.uint8),
    }
    digits = {f"{name}_images": images for name, images in split.items()}
    digits |= {f"{name}_labels": images[:, 0, 0] % 10 for name, images in split.items()}
    write_mnist(tmp_path / "data", digits, ".gz")
    again = run_main(*options, "--config.epochs=1", check=False, AEDEN_DATA=str(tmp_path / "data"))
    assert_one_line_error(again, "was trained on glyphs/digits")


def assert_one_line_error(result, match):
    assert result.returncode not in (0, None)
    assert "Traceback" not in result.stderr
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert re.search(match, last), last
    assert "run: " not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ((SMOKE, "--config.noise.foo=1"), "there is no field noise.foo: configs/ lists"),
        pytest.param((SMOKE, "--config.epochs=many"), "many", marks=pytest.mark.proof),
        pytest.param(
            (SMOKE, "--config.model.decoder=transposed"), "'transposed'.*transpose, upsample", marks=pytest.mark.proof
        ),
        pytest.param((SMOKE, "--config.data.name=mnits"), "'mnits'", marks=pytest.mark.proof),
        pytest.param(
            (SMOKE, "--config.batch_size=7", "--cpu_devices=2"),
            "batch_size 7 cannot be shared",
            marks=pytest.mark.proof,
        ),
        pytest.param(("--config=configs/nothing.py",), "nothing.py", marks=pytest.mark.proof),
        pytest.param((), "name a config: --config=configs/transpose_mnist", marks=pytest.mark.proof),
        pytest.param((SMOKE, "config.epochs=2"), "unexpected argument", marks=pytest.mark.proof),
        ((SMOKE, "--config.data.name=folder", "--config.data.dir=tests"), "no readable image"),
        pytest.param(
            ("--config=configs/transpose_mnist.py", "--config.data.fallback="),
            r"mnist is not in .*AEDEN_DATA=FOLDER",
            marks=pytest.mark.proof,
        ),
    ],
)
def test_bad_input_is_one_line_with_the_remedy(tmp_path, run_main, arguments, match):
    assert_one_line_error(run_main(*arguments, f"--workdir={tmp_path / 'run'}", check=False), match)


@pytest.mark.proof
def test_debug_shows_where(tmp_path, run_main):
    result = run_main(SMOKE, "--config.noise.level=-1", "--debug", f"--workdir={tmp_path / 'run'}", check=False)
    assert result.returncode
    assert "Traceback" in result.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path, run_main):
    (tmp_path / "closed").mkdir(mode=0o500)
    assert_one_line_error(run_main(SMOKE, f"--workdir={tmp_path / 'closed/run'}", check=False), "Permission denied")


@pytest.mark.proof
def test_a_full_disk_leaves_earlier_checkpoints_usable(tmp_path, run_main, finished):
    workdir = tmp_path / "run"
    sizes = [path.stat().st_size for path in (finished[0] / "checkpoints").rglob("*") if path.is_file()]
    # A file may grow to less than a checkpoint's largest from step 10 on: a disk that fills as the run goes.
    process = start("experiments.main", SMOKE, f"--workdir={workdir}", "--config.checkpoint.every=3")
    while process.poll() is None and not (workdir / "checkpoints/3.json").exists():
        time.sleep(0.005)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (max(sizes) // 3, max(sizes) // 3))
    out, err = process.communicate(timeout=300)
    result = subprocess.CompletedProcess((), process.returncode, out, err)
    assert_one_line_error(result, "could not be written|File too large")
    run_main(SMOKE, f"--workdir={workdir}", "--config.checkpoint.every=3")
    ours, whole = state(workdir), state(finished[0])
    assert all((ours[name] == whole[name]).all() for name in whole)


@pytest.mark.proof
def test_an_rgb_folder_of_odd_size_with_the_other_decoder(tmp_path, run_main, rng):
    from conftest import write_images

    write_images(tmp_path / "data", rng.integers(0, 256, (200, 13, 18, 3), dtype=np.uint8))
    run_main(
        SMOKE,
        "--config.data.name=folder",
        f"--config.data.dir={tmp_path / 'data'}",
        "--config.batch_size=32",
        "--config.model.decoder=upsample",
        "--config.model.resize=bilinear",
        "--config.steps=3",
        "--config.epochs=0",
        "--config.model.dtype=bfloat16",
        "--config.eval.levels=(0.2, 0.6)",
        f"--workdir={tmp_path / 'run'}",
    )
    summary = read_json(tmp_path / "run/summary.json")
    assert summary["levels"]["0.2"]["noisy"]["psnr"] > summary["levels"]["0.6"]["noisy"]["psnr"]


def published_commands(program):
    """Arguments of the commands of the README and of the pages of results, without those that other tests run."""
    pages = ("README.md", "docs/results-")
    # Those of photos need a folder of photos, and text draws pages: see test_unet_runs.py and
    # test_super_resolve.py of tests/tasks.
    elsewhere = (
        *("smoke.py", "configs/gan_", "configs/transpose_", "configs/stacked_notmnist.py", "config.pairing"),
        *("/photos_", "super_resolve_photos.py", "configs/text.py"),
    )
    return sorted(
        {
            command.arguments
            for command in documented_commands()
            if command.where.startswith(pages)
            and command.program == program
            and not any(name in argument for name in elsewhere for argument in command.arguments)
        }
    )


@pytest.mark.filterwarnings("ignore:the load_module")  # ml_collections reads config files with it
@pytest.mark.parametrize("arguments", published_commands("experiments.main"))
def test_the_published_commands_are_prepared(monkeypatch, arguments):
    """All that comes before the first step, offline (glyphs stand in)."""
    fields = [argument for argument in arguments[1:] if argument.startswith("--config.")]
    config = parsed(monkeypatch, arguments[0].removeprefix("--config="), *fields, "--config.data.limit=64")
    prepared = execute.prepare(config, from_config.open_data(config))
    assert prepared is not None


@pytest.mark.proof
@pytest.mark.parametrize("arguments", published_commands("experiments.main"))
def test_the_published_commands(tmp_path, arguments):
    """As written, but short: few images and steps, and offline (glyphs stand in)."""
    short = ["--config.data.limit=64", "--config.epochs=0", "--config.steps=2"]
    if not any(name in argument for name in ("dense_mnist", "stacked_mnist") for argument in arguments):
        short += ["--config.model.features=(4, 4)", "--config.model.factors=(2, 2)"]  # dense networks have none
    # What is given last counts: a stack too is narrow, and pre-trained for a moment.
    stack = ["--config.model.hidden=(8,)", "--config.stack.levels=()", "--config.stack.pretrain_epochs=1"]
    stacked = any("configs/stacked" in argument for argument in arguments)
    words = ["-m", "experiments.main", *arguments, *short, f"--workdir={tmp_path / 'run'}", *(stack if stacked else ())]
    result = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr


def published_grids():
    """Grids that differ from another one in their data only are proofs."""
    alike = ("notmnist", "small_data")
    return [
        pytest.param(arguments, marks=pytest.mark.proof if any(name in arguments[0] for name in alike) else ())
        for arguments in published_commands("experiments.ablate")
    ]


@pytest.mark.filterwarnings("ignore:the load_module")  # ml_collections reads config files with it
@pytest.mark.parametrize("arguments", published_grids())
def test_the_published_grids(monkeypatch, arguments):
    """All that is checked before the first run: whole grids and their processes are tests of test_ablate.py."""
    fields = [argument for argument in arguments[1:] if argument.startswith("--config.")]
    settings = parsed(monkeypatch, arguments[0].removeprefix("--config="), *fields)
    settings.experiment.data.limit = 1000  # the largest number of labels that a grid asks for
    cells = grid.expand(settings)
    grid.check(cells)
    verdict.check(settings.metric, cells, settings.margin)
    assert {cell.contender for cell in cells} == set(settings.contenders)


def test_the_summary_is_json_that_others_can_read(finished):
    text = (finished[0] / "summary.json").read_text()
    assert json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
