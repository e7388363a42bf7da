"""The tuning stage of a grid: which trials it makes, what they decide, and how it goes on."""

import ast
import csv
import math
import re

import jax.numpy as jnp
import pytest
from absl import flags
from absl.testing import flagsaver

from aeden.runtime import files, run_folder
from aeden.runtime.files import DamagedFileError
from aeden.runtime.run_folder import check_data
from aeden.training import checkpoints, divergence
from configs import base
from configs.ablations import tune as tune_config
from experiments import cli
from experiments.ablate import grid, run, selection, tuning, tuning_checks, tuning_record, verdict
from experiments.ablate.run_config import set_field

# The rate with the best figure: within the range, unless a test says otherwise.
BEST = {"nearest": 1e-2, "k3": 3e-2, "sub": 1e-2}


@pytest.fixture
def tuned(settings):
    """A grid that tunes the rate of three contenders."""
    settings.contenders.sub = {"model": {"decoder": "subpixel"}}
    settings.tuning.fields = {"learning_rate": (1e-3, 1e-1)}
    settings.tuning.trials = 7
    return settings


def figure(config, best):
    """A made-up result: the closer to the best rate the better; 0.1 dB better for each 100 parameters."""
    decoder = "k3" if config.model.decoder == "transpose" else {"subpixel": "sub"}.get(config.model.decoder, "nearest")
    bonus = {"nearest": 0.0, "k3": 0.1, "sub": 0.2}[decoder]
    return 20 + bonus - math.log10(config.learning_rate / best[decoder]) ** 2


def finish(folder, config, psnr):
    """Makes the folder of a run look as the run leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    record = {"config": config.to_dict(), "dataset": {"name": "glyphs/digits", "sha256": "0"}}
    files.write_json(folder / "config.json", record)
    summary = {"validation": {"bce": 40 - psnr, "psnr": psnr}, "steps": 20, "parameters": 5, "wall_seconds": 1.0}
    files.write_json(folder / "summary.json", summary)


def look(settings, workdir):
    return tuning.look("a grid", settings, grid.expand(settings), workdir)


def tune(settings, workdir, best=BEST, made=1000):
    """Ends up to `made` trials; returns the state of the stage."""
    state = look(settings, workdir)
    while state.open and made:
        for cell in state.open[:made]:
            finish(state.plan.folders[cell], cell.config, figure(cell.config, best))
            made -= 1
        state = look(settings, workdir)
    return state


def test_every_contender_gets_the_same_trials_and_none_sees_the_test_split(tuned, tmp_path):
    tuned.experiment.eval.levels = (0.2,)
    trials = look(tuned, tmp_path).trials()
    points = {name: [(cell.config.learning_rate, cell.seed) for cell in cells] for name, cells in trials.items()}
    assert list(points) == ["nearest", "k3", "sub"]
    assert points["nearest"] == points["k3"] == points["sub"]
    assert [seed for _, seed in points["k3"]] == list(range(1000, 1007))
    for cell in trials["k3"]:
        config = cell.config
        assert (config.seed, config.eval.test, config.eval.levels) == (cell.seed, False, ())
        assert cell.name == f"trial {cell.trial}, k3, seed {cell.seed}"
        assert cell.folder.startswith(f"trial{cell.trial}_k3_seed{cell.seed}_")
        assert config.model.decoder == "transpose"


def test_the_best_trial_decides_and_the_grid_runs_its_value_under_fresh_seeds(tuned, tmp_path):
    state = tune(tuned, tmp_path)
    rates = [cell.tuned["learning_rate"] for cell in state.trials()["k3"]]
    nearest = min(rates, key=lambda rate: abs(math.log(rate / BEST["k3"])))
    choice = state.choices()["k3"]
    assert choice.cell.tuned == {"learning_rate": nearest}
    assert choice.leader is choice.cell  # without noise
    assert choice.figure == choice.best_figure == max(choice.figures)
    finals = state.finals()
    assert {(cell.contender, cell.seed) for cell in finals} == {(c, s) for c in BEST for s in (0, 1)}
    for cell in finals:
        assert cell.config.learning_rate == state.choices()[cell.contender].cell.tuned["learning_rate"]
        assert (cell.config.seed, cell.config.eval.test) == (cell.seed, True)
    # Timings of the networks hold for all values.
    assert grid.digests(finals) == grid.digests(grid.expand(tuned))


def test_a_metric_of_which_less_is_better(tuned, tmp_path):
    higher = tune(tuned, tmp_path).choices()
    tuned.metric = "bce"
    lower = look(tuned, tmp_path).choices()  # from the same trials
    for name, choice in lower.items():
        assert choice.cell.tuned == higher[name].cell.tuned
        assert choice.best_figure == min(choice.figures)


def test_trials_are_found_again_and_more_of_them_begin_with_the_first(tuned, tmp_path):
    tune(tuned, tmp_path, made=5)
    assert len(look(tuned, tmp_path).open) == 21 - 5
    tune(tuned, tmp_path)
    tuned.tuning.trials = 9
    assert len(look(tuned, tmp_path).open) == 6
    tuned.tuning.seed = 2000
    assert len(look(tuned, tmp_path).open) == 27


def test_each_setting_is_tuned_on_its_own(tuned, tmp_path):
    tuned.axes = {"batch_size": (32, 64)}
    state = look(tuned, tmp_path)
    best = {"batch_size=32": 3e-3, "batch_size=64": 3e-2}
    for cell in state.open:
        finish(state.plan.folders[cell], cell.config, figure(cell.config, dict.fromkeys(BEST, best[cell.place])))
    state = look(tuned, tmp_path)
    assert not state.open
    for cell in state.finals():
        assert abs(math.log10(cell.config.learning_rate / best[cell.place])) < 0.15


def test_an_optimum_at_the_edge_widens_the_range_for_all(tuned, tmp_path, monkeypatch):
    best = {**BEST, "sub": 0.2}
    state = tune(tuned, tmp_path, best)
    search = state.searches[""]
    assert (search.widened, search.ranges["learning_rate"]) == (1, pytest.approx((1e-3, 0.1 * 100 ** (1 / 3))))
    assert {len(cells) for cells in state.trials().values()} == {7 + 3}
    assert state.choices()["sub"].leader.tuned["learning_rate"] == pytest.approx(0.2, rel=0.1)
    assert 0.1 < state.choices()["sub"].cell.tuned["learning_rate"] < 0.3
    assert [choice.edges for choice in state.choices().values()] == [{}, {}, {}]
    # Half of its trials are now far below the optimum.
    few = "sub: 5 of 10 trials diverged or ended far worse than the best one, so that few decide; narrow tuning.fields."
    monkeypatch.setattr(tuning_record, "TRIALS", 8)
    failed, trials = tuning_record.warnings(state)
    assert failed == f"{few}learning_rate"
    assert trials.startswith("tuning.trials=7: the difference that two tunings of one contender are allowed (0.05 dB)")
    monkeypatch.setattr(tuning_record, "TRIALS", 7)
    assert tuning_record.warnings(state) == [failed]
    tuned.tuning.widenings = 0
    state = look(tuned, tmp_path)
    assert state.choices()["sub"].edges == {"learning_rate": "highest"}
    assert tuning_record.warnings(state) == [
        "sub: its best trial has the highest value tried, learning_rate=0.0562; widen tuning.fields.learning_rate or "
        "raise tuning.widenings",
        # Smoothing keeps away from the edge.
        "the chosen trial is not the best one, for the trials nearby say that the best one had luck: sub (by 0.34 dB). "
        "More trials (tuning.trials) or a narrower range (tuning.fields.learning_rate) make the choice surer",
    ]


def test_only_the_best_the_reference_and_the_named_go_on(tuned, tmp_path):
    tuned.tuning.finalists = 1
    state = tune(tuned, tmp_path)
    assert {cell.contender for cell in state.finals()} == {"nearest", "sub"}
    tuned.tuning.always = ("k3",)
    assert {cell.contender for cell in look(tuned, tmp_path).finals()} == {"nearest", "sub", "k3"}
    tuned.tuning.always, tuned.reference = (), "sub"
    assert {cell.contender for cell in look(tuned, tmp_path).finals()} == {"sub"}


def test_a_contender_that_is_among_the_best_at_one_setting_goes_on_at_all(tuned, tmp_path):
    tuned.axes, tuned.tuning.finalists = {"batch_size": (32, 64)}, 1
    state = look(tuned, tmp_path)
    for cell in state.open:
        bonus = cell.contender == ("k3" if cell.setting["batch_size"] == 32 else "sub")
        finish(state.plan.folders[cell], cell.config, figure(cell.config, BEST) + bonus)
    state = look(tuned, tmp_path)
    assert {cell.kind for cell in state.finals()} == {f"{c}, batch_size={b}" for c in BEST for b in (32, 64)}


def test_a_trial_that_diverged_is_the_worst_and_is_not_run_again(tuned, tmp_path):
    state = look(tuned, tmp_path)
    wild = max(state.trials()["k3"], key=lambda cell: cell.tuned["learning_rate"])
    folder = state.plan.folders[wild]
    folder.mkdir(parents=True)
    record = {"config": wild.config.to_dict(), "dataset": {"name": "glyphs/digits", "sha256": "0"}}
    files.write_json(folder / "config.json", record)
    assert not state.plan.record_divergence(wild, "error: the disk is full")
    assert wild.name in [cell.name for cell in look(tuned, tmp_path).open]
    assert state.plan.record_divergence(wild, "the loss is nan at step 3; none is saved.")
    assert len(look(tuned, tmp_path).open) == 21 - 1
    # The best finished one is not at the edge: higher values were tried.
    state = tune(tuned, tmp_path, {**BEST, "k3": 1.0})
    choice = state.choices()["k3"]
    assert choice.figures.count(None) == 1
    assert choice.edges == {}
    assert "chosen from 7 trials, 1 of which diverged; the best had a validation PSNR of " in tuning_record.text(state)
    row = next(row for row in tuning_record.rows(state) if row["folder"] == folder.name)
    assert (row["validation_psnr"], row["steps"], row["learning_rate"]) == ("", "", wild.tuned["learning_rate"])


def test_a_figure_that_is_not_finite_counts_as_diverged(tuned, tmp_path):
    state = tune(tuned, tmp_path)
    best = state.choices()["k3"].cell
    finish(state.plan.folders[best], best.config, math.nan)
    assert look(tuned, tmp_path).choices()["k3"].cell.name != best.name


def test_a_contender_whose_trials_all_diverged_is_named(tuned, tmp_path):
    state = look(tuned, tmp_path)
    for cell in state.open:
        finish(state.plan.folders[cell], cell.config, math.nan if cell.contender == "k3" else 20.0)
    with pytest.raises(ValueError, match=r"all 7 trials of k3 diverged: lower tuning\.fields\.learning_rate"):
        look(tuned, tmp_path).finals()


@pytest.mark.parametrize(
    "check",
    [
        lambda found, saved: found.check_losses(0, [1.0, math.nan], saved),
        lambda found, saved: found.check_params(3, {"w": jnp.array([1.0, math.inf])}, saved),
        lambda found, saved: found.check_validation(3, {"psnr": math.nan}, saved),
    ],
)
def test_the_message_of_a_divergence_is_recognised(tuned, tmp_path, check):
    saved = checkpoints.Checkpoints(tmp_path / "checkpoints")
    with pytest.raises(divergence.TrainingDiverged) as error:
        check(divergence, saved)
    state = look(tuned, tmp_path)
    state.plan.folders[state.open[0]].mkdir(parents=True)
    assert state.plan.record_divergence(state.open[0], str(error.value))


def test_a_field_of_integers_takes_integers(tuned, tmp_path):
    del tuned.tuning.fields["learning_rate"]
    tuned.tuning.fields = {"optimizer": {"warmup_steps": (1.6, 8.4)}}
    steps = [cell.config.optimizer.warmup_steps for cell in look(tuned, tmp_path).trials()["k3"]]
    assert all(isinstance(size, int) and 2 <= size <= 8 for size in steps)
    tuned.tuning.fields.optimizer.warmup_steps = (2.4, 2.6)
    with pytest.raises(ValueError, match="the field takes integers, and there is none in this range"):
        look(tuned, tmp_path)


def test_trials_that_vary_much_do_not_carry_a_contender_on(tuned, tmp_path):
    """The single best trial is that of k3; the best third of sub is better."""
    tuned.tuning.finalists, tuned.tuning.trials = 1, 9
    state = look(tuned, tmp_path)
    for cell in state.open:
        bonus = {"nearest": -1.0, "k3": -0.3, "sub": 0.0}[cell.contender]
        lucky = 0.5 * (cell.contender == "k3" and cell.trial == 0)
        finish(
            state.plan.folders[cell],
            cell.config,
            20 - math.log10(cell.config.learning_rate / 1e-2) ** 2 + bonus + lucky,
        )
    state = look(tuned, tmp_path)
    choices = state.choices()
    assert choices["k3"].best_figure > choices["sub"].best_figure
    assert choices["sub"].standing == pytest.approx(sum(sorted(choices["sub"].finished)[-3:]) / 3)
    assert {cell.contender for cell in state.finals()} == {"nearest", "sub"}
    said = tuning_record.text(state)
    assert "Ranked by the mean of the best third" in said
    assert "left out are not shown to be worse. Those that go on are compared with the reference only." in said


def test_a_choice_below_the_best_trial_and_many_failures_are_warned_of(tuned, tmp_path):
    tuned.tuning.widenings = 0
    state = look(tuned, tmp_path)
    ordered = sorted(state.trials()["k3"], key=lambda cell: cell.tuned["learning_rate"])
    for cell in state.open:
        psnr = figure(cell.config, BEST)
        if cell.contender == "k3":
            psnr = 20.4 if cell.name == ordered[1].name else psnr  # luck
        if cell.contender == "sub" and cell.tuned["learning_rate"] > 0.015:
            psnr = 10.4 if cell.trial else math.nan
        finish(state.plan.folders[cell], cell.config, psnr)
    state = look(tuned, tmp_path)
    warned = tuning_record.warnings(state)
    assert re.search(r"not the best one, .* luck: k3 \(by 0\.\d\d dB\), sub .* More trials", warned[-1])
    assert any(line.startswith("sub: 3 of 7 trials diverged or ended far worse than the best one") for line in warned)
    assert not any(line.startswith("nearest") for line in warned)
    assert all(f"warning: {line}" in tuning_record.text(state) for line in warned)
    tuned.margin = 2.0
    assert not any("luck" in line for line in tuning_record.warnings(look(tuned, tmp_path)))


def test_a_chosen_value_that_changes_is_warned_of(tuned, tmp_path, capsys):
    state = tune(tuned, tmp_path)
    tuning_record.write(state)
    tuning_record.write(state)
    assert capsys.readouterr().err == ""
    old = state.choices()["k3"].cell.tuned["learning_rate"]
    cell = state.choices()["k3"].cell
    finish(state.plan.folders[cell], cell.config, 10.0)
    state = look(tuned, tmp_path)
    new = state.choices()["k3"].cell.tuned["learning_rate"]
    tuning_record.write(state)
    assert capsys.readouterr().err == (
        f"warning: the tuning of k3 now chooses learning_rate={new:g}, and chose learning_rate={old:g} before; "
        f"runs with learning_rate={old:g} stay in the folder but do not count\n"
    )
    (tmp_path / "tuning.json").write_text("{")
    tuning_record.write(state)
    assert files.read_json(tmp_path / "tuning.json")["choices"][1]["chosen"] == {"learning_rate": new}


def test_the_files_say_what_was_tried_and_chosen(tuned, tmp_path):
    tuned.tuning.finalists = 1
    state = tune(tuned, tmp_path, {**BEST, "sub": 10.0})
    tuning_record.write(state)
    with open(tmp_path / "tuning.csv") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        *("contender", "seed", "learning_rate", "validation_psnr", "validation_bce"),
        *("steps", "parameters", "wall_seconds", "folder"),
    ]
    assert len(rows) == 30
    record = files.read_json(tmp_path / "tuning.json")
    assert (record["metric"], record["trials"]) == ("psnr", 7)
    first, _, last = record["choices"]
    assert (first["contender"], first["best_at_edge"], first["goes_on"], first["diverged"]) == (
        "nearest",
        False,
        True,
        0,
    )
    assert (last["edges"], last["trials"], last["widened"]) == ({"learning_rate": "highest"}, 10, 1)
    results = {float(row["learning_rate"]): float(row["validation_psnr"]) for row in rows if row["contender"] == "sub"}
    assert last["best_validation"] == max(results.values()) == results[last["best"]["learning_rate"]]
    assert last["chosen_validation"] == results[last["chosen"]["learning_rate"]]
    assert last["ranking_validation"] == pytest.approx(sum(sorted(results.values())[-4:]) / 4)
    assert record["ranking"].startswith("mean of the best third")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        (
            {"experiment": {"task": "gan"}, "metric": "recall"},
            "gan runs cannot be judged by it; use one of kid, fid, cov",
        ),
        ({"tuning": {"fields": {"gan": {"latent": (8, 64)}}}}, "gan.latent: what decides the network"),
        ({"metric": "harmonic_energy"}, "metric=harmonic_energy: .* use one of bce, mse, psnr, ssim$"),
        ({"metric": "bce_excess"}, "metric=bce_excess: .* use one of bce, mse, psnr, ssim$"),
        ({"tuning": {"trials": 1}}, "tuning.trials=1: use 2 or more"),
        ({"tuning": {"trials": 100_000}}, "tuning.trials=100000: use 1000 or fewer"),
        ({"tuning": {"seed": -2}}, "tuning.seed=-2: use 0 or more"),
        ({"tuning": {"finalists": -1}}, "tuning.finalists=-1: use 0 or more"),
        ({"tuning": {"always": ("nobody",)}}, "tuning.always: 'nobody' is none of the contenders nearest, k3"),
        ({"tuning": {"seed": 2**32 - 1}}, "tuning.seed=4294967295: the last of .* use a lower one"),
        ({"tuning": {"seed": 1}}, "tuning.seed=1: a trial would have the grid's seed 1"),
        ({"tuning": {"fields": {"learning_rat": (1, 2)}}}, "there is no field learning_rat; did you mean learning_r"),
        ({"tuning": {"fields": {"seed": (1, 2)}}}, "tuning.fields.seed: what decides the seed or the test images"),
        ({"tuning": {"fields": {"noise": {"level": (0.1, 0.2)}}}}, "tuning.fields.noise.level: what decides"),
        ({"tuning": {"fields": {"loss": (1, 2)}}}, "tuning.fields: loss takes a value of type str"),
        (
            {"tuning": {"fields": {"batch_size": (2, 8)}}},
            "batch_size: what decides the network, .* learning_rate, optim",
        ),
        ({"tuning": {"fields": {"epochs": (1, 8)}}}, "tuning.fields.epochs: what decides the network"),
        ({"tuning": {"fields": {"model": {"kernel_size": (2, 8)}}}}, "model.kernel_size: what decides the network"),
        ({"tuning": {"fields": {"data": {"train_limit": (2, 8)}}}}, "data.train_limit: what decides the network"),
        ({"tuning": {"fields": {"eval": {"every": (2, 8)}}}}, "eval.every: what decides the network"),
        ({"tuning": {"fields": {"stack": {"unroll_epochs": (2, 8)}}}}, "stack.unroll_epochs: what decides the network"),
        ({"tuning": {"fields": {"stack": {"dropout": (0.1, 0.5)}}}}, "stack.dropout: denoise runs do not read it"),
        ({"axes": {"learning_rate": (0.1,)}}, "tuning.fields.learning_rate: an axis sets it too"),
        ({"contenders": {"k3": {"learning_rate": 0.1}}}, "learning_rate: contender k3 sets it too"),
    ],
)
def test_a_stage_that_cannot_decide_is_refused(tuned, tmp_path, changes, match):
    tuned.update(changes)
    if "fields" in changes.get("tuning", {}):
        del tuned.tuning.fields["learning_rate"]
    with pytest.raises(ValueError, match=match):
        look(tuned, tmp_path)


def test_a_trial_takes_the_shared_run_of_its_own_seed(settings, tmp_path):
    """It does not depend on what is tuned, so that all trials of a seed share it, at whatever setting."""
    settings.experiment.task, settings.metric = "stack", "accuracy"
    settings.contenders.k3 = {"model": {"decoder": "transpose"}, "stack": {"pretrained": grid.SHARED_RUN}}
    settings.shared_run, settings.shared_fields = {"stack": {"head": "none"}}, ("model",)
    settings.axes = {"stack": {"labels": (50, 0)}}
    settings.tuning.fields, settings.tuning.trials = {"learning_rate": (1e-3, 1e-1)}, 3
    state = look(settings, tmp_path)
    assert [cell.name for cell in state.plan.shared] == [
        f"shared run of k3, seed {seed}" for seed in (1000, 1001, 1002)
    ]
    assert {cell.config.learning_rate for cell in state.plan.shared} == {settings.experiment.learning_rate}
    assert {cell.config.seed for cell in state.plan.shared} == {1000, 1001, 1002}
    for cell in state.plan.cells:
        assert (cell.shared is None) == (cell.contender == "nearest")
        assert cell.shared is None or cell.shared.seed == cell.seed
    folders = [state.plan.folders[cell] for cell in state.plan.folders]
    assert len(set(folders)) == len(folders) == 3 + 2 * 2 * 3
    chosen, others = selection.wanted(state, ["shared run of k3, seed 1001", "trial 1, k3, stack.labels=0, seed 1001"])
    assert [cell.is_shared for cell in run._todo(state, chosen)] == [True, False]
    assert others == []
    for cell in state.plan.cells:
        config = cell.config.copy_and_resolve_references()
        if cell.shared is not None:
            config.stack.pretrained = str(state.plan.folders[cell.shared])
        finish(state.plan.folders[cell], config, 20.0)
        summary = {"validation": {"accuracy": 0.5}, "steps": 20, "parameters": 5, "wall_seconds": 1.0}
        files.write_json(state.plan.folders[cell] / "summary.json", summary)
    for cell in state.plan.shared:
        finish(state.plan.folders[cell], cell.config, 20.0)
    settings.tuning.widenings = 0
    state = look(settings, tmp_path)
    assert not state.open  # found again, by the folders of their shared runs
    assert {cell.shared.name for cell in state.finals() if cell.contender == "k3"} == {
        *("shared run of k3, seed 0", "shared run of k3, seed 1")
    }


def test_a_trial_without_the_figure_that_decides_is_damaged_and_none_that_diverged(tuned, tmp_path):
    state = tune(tuned, tmp_path)
    for content in ("{}", "[]", '{"validation": {}}', '{"validation": {"bce": 1.0}}'):
        (state.plan.folders[state.plan.cells[0]] / "summary.json").write_text(content)
        with pytest.raises(DamagedFileError, match=r"trial0_nearest.*summary.json"):
            look(tuned, tmp_path)


def test_a_damaged_record_of_an_earlier_choice_stops_nothing(tuned, tmp_path, capsys):
    state = tune(tuned, tmp_path)
    tuning_record.write(state)
    whole = (tmp_path / "tuning.json").read_text()
    for content in ("5", '{"choices": [{"contender": "k3", "setting": {}, "chosen": 5}]}', '{"choices": [[]]}'):
        (tmp_path / "tuning.json").write_text(content)
        tuning_record.write(state)
        assert (tmp_path / "tuning.json").read_text() == whole
    record = files.read_json(tmp_path / "tuning.json")
    record["choices"][0]["chosen"] = {"learning_rate": None}
    files.write_json(tmp_path / "tuning.json", record)
    tuning_record.write(state)
    assert capsys.readouterr().err == ""


def test_a_damaged_record_of_a_divergence_is_named(tuned, tmp_path):
    state = look(tuned, tmp_path)
    folder = state.plan.folders[state.plan.cells[0]]
    finish(folder, state.plan.cells[0].config, 20.0)
    (folder / "summary.json").unlink()
    (folder / "diverged.json").write_text("{}")
    with pytest.raises(DamagedFileError, match=r"diverged.json does not say how the run diverged: delete its folder"):
        look(tuned, tmp_path)


@pytest.fixture
def command():
    """The flags of the command, with their defaults."""
    flags.FLAGS.mark_as_parsed()
    with flagsaver.flagsaver():
        yield
    flags.FLAGS.unparse_flags()


def config_of(job):
    """The config that a run's command line asks for."""
    config = base.get_config()
    for option in job.arguments[3:]:
        name, _, value = option.removeprefix("--").partition("=")
        if name.startswith("config."):
            kept = isinstance(grid.field_of(config, name.removeprefix("config."), ""), str)
            set_field(config, name.removeprefix("config."), value if kept else ast.literal_eval(value), "")
    return config


class Launcher:
    """Ends runs as `experiments.main` would, by their command lines: they diverge above a rate."""

    def __init__(self, limit=1e9, fails=0):
        self.limit, self.fails, self.started = limit, fails, []

    def __call__(self, jobs, workdir, progress):
        for job in jobs:
            config = config_of(job)
            self.started.append(job.name)
            job.log.parent.mkdir(parents=True, exist_ok=True)
            if self.fails:
                self.fails -= 1
                job.log.write_text("error: the disk is full\n")
                yield job, 1
            elif config.learning_rate > self.limit:
                record = {"config": config.to_dict(), "dataset": {"name": "glyphs/digits", "sha256": "0"}}
                files.write_json(job.log.parent / "config.json", record)
                job.log.write_text("error: the loss is nan at step 3; none is saved.\n")
                yield job, 1
            else:
                finish(job.log.parent, config, figure(config, BEST))
                yield job, 0


@pytest.fixture
def grid_of(tuned, tmp_path, monkeypatch, command):
    """Runs the grid by a launcher; returns the runs that were reported."""
    monkeypatch.setattr(run_folder, "check_data", lambda folder, dataset: None)

    def run_it(launcher):
        reported = []
        monkeypatch.setattr(run, "_launch", launcher)
        run.run_grid("a grid", tuned, tmp_path, lambda plan, failures: reported.extend(plan.cells) or "the report")
        return reported

    return run_it


@pytest.fixture
def without_checks(monkeypatch):
    """What is tuned is not tried before the trials: that takes seconds, and is checked below."""
    for name in ("check_effect", "check_values"):
        monkeypatch.setattr(tuning_checks, name, lambda *_: None)


def test_the_command_tunes_and_then_runs_the_grid(grid_of, tuned, tmp_path):
    launcher = Launcher(limit=5e-2)
    reported = grid_of(launcher)
    # Nothing at the edge: the trials with the highest rates diverged.
    assert len(launcher.started) == 3 * 7 + 3 * 2
    assert all(name.startswith("trial ") for name in launcher.started[:21])
    assert {cell.contender: cell.config.learning_rate for cell in reported} == {
        name: choice.cell.tuned["learning_rate"] for name, choice in look(tuned, tmp_path).choices().items()
    }
    assert len(list(tmp_path.glob("runs/trial*/diverged.json"))) == 3
    again = Launcher()
    assert len(grid_of(again)) == 6
    assert again.started == []


@pytest.mark.usefixtures("without_checks")
def test_a_run_that_diverges_after_the_tuning_does_not_fail_the_grid(grid_of, tuned, tmp_path, capsys):
    tune(tuned, tmp_path)
    launcher = Launcher(limit=2e-2)  # below the value of k3
    assert len(grid_of(launcher)) == 6
    assert len(launcher.started) == 6
    assert {path.parent.name[:2] for path in tmp_path.glob("runs/*/diverged.json")} == {"k3"}
    assert re.search(r"k3, seed 0: diverged: the loss is nan at step 3", capsys.readouterr().err)
    again = Launcher(limit=2e-2)
    grid_of(again)
    assert again.started == []


@pytest.mark.usefixtures("without_checks")
def test_a_failure_of_a_trial_stops_the_grid_before_its_runs(grid_of):
    launcher = Launcher(fails=2)
    with pytest.raises(ChildProcessError, match="2 of 21 runs failed: trial 0, nearest, seed 1000: the disk is full"):
        grid_of(launcher)
    assert len(launcher.started) == 21
    again = Launcher()
    assert len(grid_of(again)) == 6
    assert again.started[:2] == launcher.started[:2]
    assert len(again.started) == 2 + 6


@pytest.mark.usefixtures("without_checks")
def test_single_trials_and_runs_by_name(grid_of, capsys):
    trial, final = "trial 2, k3, seed 1002", "k3, seed 1"
    flags.FLAGS.only = [trial]
    launcher = Launcher()
    assert grid_of(launcher) == []
    assert launcher.started == [trial]
    assert "20 of 21 trials have not ended" in capsys.readouterr().out
    flags.FLAGS.only = [final]
    with pytest.raises(ValueError, match="20 trials of the tuning have to end first"):
        grid_of(Launcher())
    flags.FLAGS.only = ["k3, seed 9"]
    with pytest.raises(ValueError, match="there is no run 'k3, seed 9'"):
        grid_of(Launcher())
    flags.FLAGS.only = []
    grid_of(Launcher())
    flags.FLAGS.only = [final]
    again = Launcher()
    assert final in [cell.name for cell in grid_of(again)]
    assert again.started == []


@pytest.mark.usefixtures("without_checks")
def test_the_list_has_the_trials_and_later_the_runs(grid_of, tuned, tmp_path, capsys):
    flags.FLAGS.list, flags.FLAGS.cpu_cores = True, 2
    grid_of(Launcher())
    out = capsys.readouterr().out
    assert out.count("python -m experiments.main") == out.count(" --cpu_cores=2\n") == 21
    assert out.splitlines()[-1] == "the runs after the tuning are known once its trials have ended: 21 have not"
    tune(tuned, tmp_path)
    grid_of(Launcher())
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 * (21 + 6)
    assert lines[-2] == "sub, seed 1"


def listed(grid_of, capsys, *names):
    flags.FLAGS.list, flags.FLAGS.only = True, list(names)
    grid_of(Launcher())
    return [line for line in capsys.readouterr().out.splitlines() if not line.startswith("    ")]


@pytest.mark.usefixtures("without_checks")
def test_the_list_honours_only(grid_of, tuned, tmp_path, capsys):
    trial, final = "trial 2, k3, seed 1002", "k3, seed 1"
    assert listed(grid_of, capsys, trial) == [trial]
    assert listed(grid_of, capsys, final) == [
        "the runs after the tuning are known once its trials have ended: 21 have not"
    ]
    tuned.tuning.finalists = 1
    tune(tuned, tmp_path)
    assert listed(grid_of, capsys, trial) == [trial]
    assert listed(grid_of, capsys, "sub, seed 1", trial) == [trial, "sub, seed 1"]
    with pytest.raises(ValueError, match=r"--only='k3, seed 1': its contender does not go on"):
        listed(grid_of, capsys, final)
    for only in ([trial, "k3, seed 7"], ["trial 99, k3, seed 1002"]):
        with pytest.raises(ValueError, match="there is no run"):
            listed(grid_of, capsys, *only)


def test_values_that_a_run_cannot_have_are_refused_before_any_trial(grid_of, tuned):
    del tuned.tuning.fields["learning_rate"]
    tuned.tuning.fields = {"augment": {"zoom": (0.5, 20.0)}}
    launcher = Launcher()
    with pytest.raises(ValueError, match=r"a trial with augment\.zoom=.*: .*; narrow its range in tuning\.fields"):
        grid_of(launcher)
    assert launcher.started == []


@pytest.mark.usefixtures("without_checks")
def test_trials_on_other_data_are_refused(grid_of, tuned, tmp_path, monkeypatch):
    tune(tuned, tmp_path, made=3)
    monkeypatch.setattr(run_folder, "check_data", check_data)
    launcher = Launcher()
    with pytest.raises(run_folder.RunFolderError, match=r"trial0_\w+ was trained on glyphs/digits \(sha256 0\)"):
        grid_of(launcher)
    assert launcher.started == []


@pytest.mark.parametrize(
    "fields", [{"optimizer": {"warmup_steps": (10, 20)}}, {"augment": {"turn": (5.0, 30.0)}}], ids=["none", "some"]
)
def test_a_field_without_effect_is_refused(grid_of, tuned, fields):
    """A warm-up is at most a tenth of a run."""
    del tuned.tuning.fields["learning_rate"]
    tuned.tuning.fields = fields
    if "augment" in fields:
        tuning_checks.check_effect(tuned, grid.expand(tuned))
        return
    launcher = Launcher()
    with pytest.raises(
        ValueError, match=r"tuning.fields.optimizer.warmup_steps: \w+ trains in the same way with 10 and"
    ):
        grid_of(launcher)
    assert launcher.started == []


@pytest.mark.usefixtures("without_checks")
def test_single_runs_by_name_keep_the_results_of_the_others(grid_of, tuned, tmp_path):
    assert len(grid_of(Launcher())) == 6
    flags.FLAGS.only = ["k3, seed 1"]
    again = Launcher()
    assert len(grid_of(again)) == 6
    assert again.started == []


@pytest.mark.parametrize("name", ["../smoke", "ablations.quick", "", "no_such_config"])
def test_the_grid_of_what_is_no_experiment(name):
    with pytest.raises(ValueError, match=r"after the colon comes the name of a file of configs/"):
        tune_config.get_config(name)


@pytest.mark.parametrize("name", ["transpose_mnist", "dense_mnist", "stacked_mnist"])
def test_the_grid_of_one_experiment(name):
    """Its own rate is in the middle of the range; the same config, but for the rate and the seed, is tried."""
    settings = tune_config.get_config(name)
    cells = grid.expand(settings)
    tuning_checks.check(settings, cells)
    verdict.check(settings.metric, cells, settings.margin)
    low, high = settings.tuning.fields.learning_rate
    assert low * high == pytest.approx(settings.experiment.learning_rate**2)
    assert all(cell.config.to_dict() == settings.experiment.to_dict() | {"seed": cell.seed} for cell in cells)


def test_a_generator_is_tuned_by_the_distance_of_its_samples(tmp_path):
    settings = tune_config.get_config("gan_upsample_mnist")
    settings.tuning.fields.gan = {"discriminator_rate": (0.5, 4.0)}
    settings.experiment.gan.truncations = (1.0,)
    cells = grid.expand(settings)
    tuning_checks.check(settings, cells)
    verdict.check(settings.metric, cells, settings.margin)
    state = look(settings, tmp_path)
    for cell in state.open:
        assert (cell.config.eval.test, cell.config.gan.truncations) == (False, ())
        finish(state.plan.folders[cell], cell.config, 20.0)
        far = math.log10(cell.config.learning_rate / 1e-3) ** 2 + math.log2(cell.config.gan.discriminator_rate) ** 2
        summary = {"validation": {"kid": 0.01 * far}, "steps": 20, "parameters": 5, "wall_seconds": 1.0}
        files.write_json(state.plan.folders[cell] / "summary.json", summary)
    settings.tuning.widenings = 0
    (choice,) = look(settings, tmp_path).choices().values()
    assert choice.leader.tuned["gan.discriminator_rate"] == pytest.approx(1.0, rel=0.5)
    assert choice.best_figure == min(choice.figures)


def test_each_tuned_experiment_has_a_folder_of_its_own(monkeypatch):
    monkeypatch.setattr(cli, "config_path", lambda: "configs/ablations/tune.py:dense_mnist")
    assert cli.config_name() == "tune_dense_mnist"
