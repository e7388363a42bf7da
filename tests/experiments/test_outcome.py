"""What a grid says about its runs: in tables, in a sentence, and what it refuses to reuse."""

import csv
import json
import math
import re
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest
from absl import flags
from conftest import ROOT
from ml_collections import config_flags
from test_report import PROVENANCE

from aeden.measures.paired_statistics import compare
from aeden.runtime import files, provenance, run_folder
from aeden.tasks.execute import TASKS
from configs.ablations import decoders_mnist, grid_base
from experiments import cli
from experiments.ablate import __main__, grid, launch, metrics, outcome, progress, results, run, verdict
from experiments.ablate.plan import make_plan

PSNR = metrics.of_task("denoise")["psnr"]


@pytest.fixture
def settings(settings):
    settings.seeds = 1
    return settings


def plan_of(settings, workdir):
    return make_plan("a grid", settings, grid.expand(settings), workdir)


def test_rows_of_several_kinds_make_one_table(tmp_path):
    rows = [{"contender": "dense", "psnr": 1.0}, {"contender": "k3", "psnr": 2.0, "harmonic_energy": 0.1}]
    files.write_csv(tmp_path / "results.csv", rows)
    with open(tmp_path / "results.csv") as file:
        read = list(csv.DictReader(file))
    assert [row["harmonic_energy"] for row in read] == ["", "0.1"]
    assert files.columns(rows) == ["contender", "psnr", "harmonic_energy"]
    assert results.table(rows, ["psnr", "harmonic_energy"], ["contender"]).splitlines() == [
        "| contender | psnr | harmonic_energy | seeds |",
        "|---|---|---|---|",
        "| dense | 1 |  | 1 |",
        "| k3 | 2 | 0.1 | 1 |",
    ]


def test_a_bar_in_a_name_breaks_no_table(tmp_path):
    rows = [{"contender": "a|b", "psnr": 1.0}]
    lines = results.table(rows, ["psnr"], ["contender"]).splitlines()
    assert lines[2] == r"| a\|b | 1 | 1 |"
    assert [len(re.findall(r"(?<!\\)\|", line)) for line in lines] == [4, 4, 4]
    files.write_csv(tmp_path / "results.csv", [*rows, {"contender": 'a,"b"', "psnr": 2.0}])
    with open(tmp_path / "results.csv") as file:
        assert [row["contender"] for row in csv.DictReader(file)] == ["a|b", 'a,"b"']


def test_a_grid_of_one_contender_says_so():
    only = "k3 is the only contender of this grid: there is nothing to compare it with."
    assert verdict.sentence({}, "k3", PSNR, alone=True) == only
    assert verdict.as_json({}, {}, "k3", PSNR, alone=True)["text"] == only
    assert verdict.sentence({}, "k3", PSNR).startswith("Nothing to compare with k3: no other contender has finished")


@pytest.fixture
def finished(settings, tmp_path, monkeypatch):
    """The plan of a small grid, and a function that finishes its runs and writes its outcome."""
    settings.costs = settings.baselines = False
    monkeypatch.setattr(outcome, "command", lambda plan, cell: cell.name)
    plan = plan_of(settings, tmp_path)

    def write():
        for cell in plan.cells:
            plan.folders[cell].mkdir(parents=True, exist_ok=True)
            both = {"noisy": {"psnr": 10.0}, "test": {"psnr": 20.0}}
            summary = {"task": "denoise", "parameters": 5, "wall_seconds": 1.0, "levels": {}, **both, **PROVENANCE}
            files.write_json(plan.folders[cell] / "summary.json", summary)
        return outcome.write(plan, {}, [])

    return plan, write


def test_a_single_contender_of_a_whole_grid(settings, finished, tmp_path):
    del settings.contenders.k3
    plan, write = finished
    plan.cells[:] = [cell for cell in plan.cells if cell.contender == "nearest"]
    assert "nearest is the only contender of this grid" in write()
    assert "nearest is the only contender of this grid" in (tmp_path / "report.html").read_text()


def test_nothing_of_an_earlier_grid_looks_current(finished, tmp_path):
    plan, write = finished
    write()
    written = {path for pattern in outcome.OUTPUTS for path in tmp_path.glob(pattern)}
    assert {path.name for path in written} >= {"report.html", "verdict.json", "results.csv", "results.md", "forest.png"}
    (tmp_path / "cost.json").write_text("{}")
    (tmp_path / "noises.csv").write_text("of a grid with other kinds of noise")
    write()
    assert not (tmp_path / "noises.csv").exists()
    for cell in plan.cells:
        (plan.folders[cell] / "summary.json").unlink()
    assert "nothing to report" in outcome.write(plan, {}, [])
    assert [path for path in written if path.exists()] == []
    assert (tmp_path / "cost.json").exists()  # which is known by what it depends on


@pytest.mark.parametrize("written", [True, False])
def test_a_grid_names_its_report_only_if_there_is_one(settings, tmp_path, monkeypatch, capsys, written):
    for owner, name, value in (
        (run, "LIST", False),
        (run, "ONLY", []),
        (run.seed_groups, "TOGETHER", 1),
        *((cli, name, None) for name in ("COORDINATOR", "PROCESSES", "PROCESS")),
    ):
        monkeypatch.setattr(owner, name, SimpleNamespace(value=value))
    for name in ("_check_data", "announce", "run_cells"):
        monkeypatch.setattr(run, name, lambda *_: {})
    for name in ("check", "dataset_of"):
        monkeypatch.setattr(run.grid, name, lambda *_: None)

    def report(plan, failures):
        if written:
            (tmp_path / "report.html").write_text("")
        return "the verdict"

    run.run_grid("a grid", settings, tmp_path, report)
    page = f"report: {tmp_path / 'report.html'}\n" if written else ""
    assert capsys.readouterr().out == f"the verdict\n{page}run: {tmp_path}\n"


def test_causes_are_listed_where_they_differ():
    one = {"dataset": "a", "requested_dataset": "a", "dataset_sha256": "0", "hardware": {}, "versions": {}}
    found = results.causes([{**one, "commit": "x"}, {**one, "commit": "y"}, {**one, "commit": "x"}])
    assert (found["dataset"], found["commit"]) == ("a", ["x", "y"])


def test_a_lost_run_does_not_make_the_verdict_contradict_itself():
    reference = [20.0 + 0.1 * i for i in range(8)]
    worse = [value - 0.5 - 0.01 * i for i, value in enumerate(reference)]
    pairs = {f"w{i}": (worse, reference) for i in range(4)} | {"lost": (worse[:7], reference[:7])}
    text = verdict.sentence(compare(pairs), "nearest", PSNR)
    assert text.startswith("By PSNR, over 7 to 8 paired seeds, compared with nearest: w0 is worse (-0.5")
    assert "cannot show" not in text
    few = verdict.sentence(compare({"k3": ([1.0], [2.0])}), "nearest", metrics.of_task("gan")["kid"])
    assert few == (
        "By KID, over 1 paired seed, compared with nearest: no difference shown for k3 (-1.0000). 1 comparison over 1 "
        "seed cannot show a difference at the 5 % level, however large: that takes 6 seeds."
    )


def test_a_lower_value_is_better_if_the_metric_says_so():
    reference = [1.0 + 0.01 * i for i in range(8)]
    lower = [value - 0.5 - 0.01 * i for i, value in enumerate(reference)]
    for task, name, words in (("denoise", "psnr", "worse"), ("denoise", "bce", "better"), ("gan", "kid", "better")):
        metric = metrics.for_verdict(task, name)
        rows = [
            {"contender": contender, "seed": seed, name: value}
            for contender, values in (("nearest", reference), ("k3", lower))
            for seed, value in enumerate(values)
        ]
        found = verdict.comparisons(rows, ["nearest", "k3"], [], "nearest", metric)
        assert f"k3 is {words} (-0.5" in verdict.sentence(found, "nearest", metric)
        assert found["k3"].wins == (0 if words == "worse" else 8)
        assert verdict.as_json(found, {}, "nearest", metric)["metric"] == name
        unit = f" {metric.unit}".rstrip()
        equal = verdict.comparisons(rows, ["nearest", "k3"], [], "nearest", metric, 0.6)
        text = verdict.sentence(equal, "nearest", metric)
        assert "k3 is equal for practical use (-0.5" in text
        assert f", within the margin of 0.6{unit}, corrected p = " in text
        # Not shown to be within 0.54, though the mean is.
        close = verdict.comparisons(rows, ["nearest", "k3"], [], "nearest", metric, 0.54)
        assert verdict.sentence(close, "nearest", metric).endswith(f", not above the margin of 0.54{unit}).")


def test_the_sentence_has_the_size_of_a_difference_and_three_kinds_of_verdict():
    rng = np.random.default_rng(0)
    reference = rng.normal(20.5, 0.1, 8)
    made = {"k3": (-0.3, 0.01), "k4": (0.2, 0.01), "same": (0.02, 0.01), "noisy": (0.0, 0.3)}
    pairs = {name: (list(reference + rng.normal(*how, 8)), list(reference)) for name, how in made.items()}
    found = compare(pairs, margin=0.1)
    text = verdict.sentence(found, "nearest", PSNR)
    # Narrow intervals have a digit more.
    assert re.fullmatch(
        r"By PSNR, over 8 paired seeds, compared with nearest: "
        r"k4 is better \(\+0\.\d{3} dB, \d\.\d times the spread over seeds, 95 % interval \+0\.\d{3} dB to "
        r"\+0\.\d{3} dB, corrected p = 0\.031\); "
        r"k3 is worse \(-0\.3\d\d dB, .*\); "
        r"same is equal for practical use \(\+0\.0\d\d dB, .*, within the margin of 0\.1 dB, corrected p = [\de.-]+\); "
        r"no difference shown for noisy \([+-]0\.\d\d dB, \d\.\d times the spread over seeds, 95 % interval -0\.\d\d "
        r"dB to \+0\.\d\d dB\)\.",
        text,
    )
    assert f"{found['k4'].effect:.1f} times" in text
    assert [verdict.word(one, PSNR) for one in found.values()] == [
        "worse",
        "better",
        "equal for practical use",
        "no difference shown",
    ]


def test_in_a_tuned_grid_a_difference_has_to_be_larger_than_another_tuning_makes():
    values = {"nearest": [20.0 + 0.1 * i for i in range(8)]}
    values["k4"] = [x + 0.2 for x in values["nearest"]]
    values["k6"] = [x + 0.12 + 0.1 * (-1) ** i for i, x in enumerate(values["nearest"])]
    rows = [
        {"contender": name, "seed": seed, "psnr": value}
        for name, some in values.items()
        for seed, value in enumerate(some)
    ]
    found = {
        tuned: verdict.comparisons(rows, list(values), [], "nearest", PSNR, 0.05, tuned) for tuned in (False, True)
    }
    assert [verdict.word(one, PSNR) for one in found[False].values()] == ["better", "better"]
    assert [verdict.word(one, PSNR) for one in found[True].values()] == ["better", "no difference shown"]
    assert found[True]["k4"].allowance == 0.025
    text = verdict.sentence(found[True], "nearest", PSNR)
    assert re.search(r"k4 is better \(\+0.20 dB, .*, larger than 0.025 dB with corrected p = 0.016\)", text)
    assert "no difference larger than 0.025 dB shown for k6" in text
    # Equality has to hold within the margin less the allowance, and the sentence names that.
    values["k4"] = [x + 0.001 * (-1) ** i for i, x in enumerate(values["nearest"])]
    same = verdict.compared({"k4": (values["k4"], values["nearest"])}, PSNR, 0.05, True)
    assert same["k4"].bound == 0.025
    assert ", within 0.025 dB, corrected p = " in verdict.sentence(same, "nearest", PSNR)
    # A metric without a margin has no allowance either.
    plain = verdict.compared({"k4": (values["k4"], values["nearest"])}, metrics.of_task("denoise")["ssim"], 0.0, True)
    assert plain["k4"].allowance == 0.0


def test_psnr_has_a_margin_of_its_own_that_a_grid_can_change(settings):
    rows = [{"contender": name, "seed": seed, "psnr": 1.0, "ssim": 0.5} for name in ("a", "b") for seed in (0, 1)]
    sizes = {"psnr": {0.0: 0.1, 0.3: 0.3, -1.0: 0.0}, "ssim": {0.0: 0.0, 0.01: 0.01}}
    for name, margin in ((name, margin) for name, known in sizes.items() for margin in known):
        metric = metrics.for_verdict("denoise", name)
        assert verdict.comparisons(rows, ["a", "b"], [], "a", metric, margin)["b"].margin == sizes[name][margin]
    verdict.check("psnr", grid.expand(settings), 0.0)
    for margin in (float("inf"), float("nan"), -0.5):
        with pytest.raises(ValueError, match=f"margin={margin} is not a size"):
            verdict.check("psnr", grid.expand(settings), margin)


def test_a_tuned_grid_needs_a_margin(settings):
    settings.tuning.fields = {"learning_rate": (1e-3, 1e-2)}
    verdict.check("psnr", grid.expand(settings), 0.0)
    verdict.check("ssim", grid.expand(settings), 0.01)
    for name, margin in (("ssim", 0.0), ("psnr", -1.0)):
        with pytest.raises(ValueError, match=f"metric={name} has no margin, .*: set --config.margin"):
            verdict.check(name, grid.expand(settings), margin)


def test_spreads_are_those_of_all_finished_seeds_and_compared_over_shared_ones():
    values = {"nearest": [1.0, 2.0, 4.0], "k3": [1.0, 1.2, 1.1, 1.5]}
    rows = [
        {"contender": name, "noise.level": 0.4, "seed": seed, "psnr": value}
        for name, some in values.items()
        for seed, value in enumerate(some)
    ]
    found = verdict.seed_spreads(rows, ["nearest", "k3", "k4"], ["noise.level"], "nearest", PSNR)
    assert list(found) == ["nearest, noise.level=0.4", "k3, noise.level=0.4"]
    nearest, k3 = found.values()
    assert nearest.compared is None
    assert (nearest.spread.seeds, k3.spread.seeds) == (3, 4)
    assert k3.spread.deviation == pytest.approx(np.std(values["k3"], ddof=1))
    assert k3.compared.ratio == pytest.approx(np.std(values["k3"][:3]) / np.std(values["nearest"]))
    record = verdict.as_json({}, found, "nearest", PSNR)["spreads"]
    assert [one["contender"] for one in record] == list(found)
    assert (record[0]["compared"], record[1]["compared"]["corrected"]) == (None, k3.compared.p)
    single = verdict.seed_spreads(rows[:1], ["nearest"], ["noise.level"], "nearest", PSNR)
    record = verdict.as_json({}, single, "nearest", PSNR)["spreads"]
    assert (record[0]["deviation"], record[0]["low"], record[0]["high"]) == (None, 0, None)
    json.dumps(record, allow_nan=False)


def test_runs_without_the_metric_are_left_out_of_the_comparison():
    rows = [{"contender": name, "seed": seed, "psnr": 1.0} for name in ("nearest", "k3") for seed in (0, 1)]
    del rows[-1]["psnr"]
    found = verdict.comparisons(rows, ["nearest", "k3"], [], "nearest", PSNR)
    assert found["k3"].pairs == 1


@pytest.mark.parametrize(
    ("task", "metric", "match"),
    [
        ("denoise", "ease", "nearest: a verdict on denoise runs cannot be about the metric 'ease': use one of psnr"),
        ("denoise", "kid", "cannot be about the metric 'kid': use one of psnr, ssim"),
        ("stack", "psnr", "cannot be about the metric 'psnr': use one of accuracy, cross_entropy"),
        ("stack", "accuracy", "stack.head=none"),
        # Neither direction of it is better.
        ("gan", "authenticity", "cannot be about the metric 'authenticity'"),
        ("gan", "harmonic_energy", "cannot be about the metric 'harmonic_energy'"),
        ("gan", "kid", "gan.samples=0"),
    ],
)
def test_a_metric_that_runs_do_not_end_with_is_refused(settings, task, metric, match):
    settings.experiment.task, settings.experiment.gan.samples = task, 0
    settings.experiment.stack.head = "none"
    with pytest.raises(ValueError, match=match):
        verdict.check(metric, grid.expand(settings))


@pytest.mark.parametrize("fields", [{"architecture": "dense"}, {"features": (8,), "factors": (1,)}])
def test_an_artifact_that_a_network_does_not_have_cannot_be_the_metric(settings, fields):
    settings.contenders.other = {"model": {"decoder": "transpose", **fields}}
    verdict.check("psnr", grid.expand(settings))
    with pytest.raises(ValueError, match="other: the last layer of its network does not upsample, so it has no harm"):
        verdict.check("harmonic_energy", grid.expand(settings))


@pytest.mark.parametrize("fields", [{"decoder": "unpool"}, {"skip": True}])
def test_a_response_to_a_code_alone_cannot_be_the_metric_of_a_decoder_that_needs_the_encoder(settings, fields):
    settings.contenders.other = {"model": fields}
    verdict.check("harmonic_energy", grid.expand(settings))
    with pytest.raises(ValueError, match="other: its decoder needs the encoder, so that a code alone gives no const"):
        verdict.check("constant_ripple_trained", grid.expand(settings))


def test_figures_of_holes_can_be_the_metric_where_there_are_holes(settings):
    settings.contenders.other = {"model": {"architecture": "dense"}}
    with pytest.raises(ValueError, match=r"noise\.kind=gaussian leaves no holes: for psnr_inside use masking"):
        verdict.check("psnr_inside", grid.expand(settings))
    settings.experiment.noise.kind = "blocks"
    verdict.check("psnr_inside", grid.expand(settings))


def test_every_metric_with_a_direction_can_be_a_verdicts():
    for task in TASKS.values():
        names = [metric.name for metric in task.metrics]
        assert len(set(names)) == len(names)
    assert metrics.for_verdict("denoise", "harmonic_energy").higher_is_better is False
    assert metrics.for_verdict("stack", "accuracy").higher_is_better is True


def test_heads_of_tables_are_labels_and_units():
    heads = [metrics.head("denoise", name) for name in ("contender", "psnr", "ssim", "parameters")]
    assert heads == ["contender", "PSNR, dB", "SSIM", "parameters"]


def test_the_columns_of_results_keep_their_order(settings):
    """Programs of users read these files."""
    response = {"constant_ripple": 0.1, "impulse_unevenness": 0.2}
    residual = {"harmonic_energy": 0.1, "phase_variation": 0.1, "spectrum_distance_db": 0.1, "spectrum": {}}
    test = {"psnr": 1.0, "mse": 0.1, "bce": 0.1, "bce_excess": 0.1, "ssim": 0.1}
    summary = {"task": "denoise", "dataset": "mnist", "parameters": 5, "steps": 20, "wall_seconds": 1.0, "levels": {}}
    summary |= {"noisy": test, "test": test}
    summary["artifacts"] = {"initial": response, "trained": response, "residual": residual}
    cell = grid.expand(settings)[0]
    assert list(results.row(cell, summary, "folder")) == [
        *("contender", "dataset", "level", "seed", "psnr", "ssim", "bce", "mse"),
        *("harmonic_energy", "phase_variation", "spectrum_distance_db"),
        *("constant_ripple_initial", "constant_ripple_trained"),
        *("impulse_unevenness_initial", "impulse_unevenness_trained"),
        *("parameters", "steps", "learning_rate", "init", "wall_seconds", "folder"),
    ]
    assert list(results.levels(cell, summary)[0]) == [
        *("contender", "dataset", "seed", "level", "psnr", "ssim", "bce", "mse"),
        *("noisy_psnr", "noisy_ssim", "noisy_bce", "noisy_mse"),
    ]


def test_a_range_of_levels_is_named_as_one(settings):
    settings.experiment.noise.level, settings.experiment.noise.level_max = 0.1, 0.5
    settings.experiment.eval.levels = (0.1,)
    cell = grid.expand(settings)[0]
    assert cell.level == "0.1 to 0.5"


def test_the_own_result_of_a_range_is_not_that_of_its_lower_level(settings):
    settings.experiment.noise.level, settings.experiment.noise.level_max = 0.1, 0.5
    cell = grid.expand(settings)[0]
    both = [{"noisy": {"psnr": 10.0}, "test": {"psnr": 20.0}}, {"noisy": {"psnr": 12.0}, "test": {"psnr": 25.0}}]
    rows = results.levels(cell, {"dataset": "glyphs", **both[0], "levels": {"0.1": both[1]}})
    assert [(row["level"], row["psnr"], row["noisy_psnr"]) for row in rows] == [("0.1 to 0.5", 20, 10), (0.1, 25, 12)]


def test_costs_are_timed_again_when_anything_about_them_has_changed(settings, tmp_path, monkeypatch):
    timed = []

    def time(*_, **__):
        timed.append(len(timed))
        cells = grid.expand(settings)
        kept = {
            "costs": {cell.kind: {} for cell in cells},
            "configs": {cell.kind: cell.digest("seed") for cell in cells},
        }
        files.write_json(tmp_path / "cost.json", {**kept, **provenance.provenance()})
        return subprocess.CompletedProcess([], 0, "", "")

    monkeypatch.setattr(outcome.subprocess, "run", time)
    monkeypatch.setattr(provenance, "commit", lambda: "one")
    for changed in (False, False, True):
        if changed:
            settings.experiment.batch_size = 32
        outcome.costs(plan_of(settings, tmp_path), [])
    assert len(timed) == 2
    settings.seeds = 3  # the same networks
    outcome.costs(plan_of(settings, tmp_path), [])
    settings.experiment.gan.latent = 7  # which no denoising run reads
    outcome.costs(plan_of(settings, tmp_path), [])
    assert len(timed) == 2
    monkeypatch.setattr(provenance, "commit", lambda: "another")
    outcome.costs(plan_of(settings, tmp_path), [])
    assert len(timed) == 3


def test_a_timing_that_dies_without_a_word_is_reported(settings, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(outcome.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], -9, "", ""))
    assert outcome.costs(plan_of(settings, tmp_path), []) == {}
    assert capsys.readouterr().err.endswith("the contenders were not timed: ended with status -9\n")


@pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")  # ml_collections' own
@pytest.mark.parametrize(
    "spelling",
    [
        ("--config", "configs/ablations/decoders_mnist.py"),
        ("--config=configs/ablations/decoders_mnist.py",),
        ("-config=configs/ablations/decoders_mnist.py",),
    ],
)
def test_the_networks_that_are_timed_are_those_of_the_grid_however_it_is_spelled(spelling, tmp_path, monkeypatch):
    """Parsed as a command parses it, handed on to the process that times, and parsed again."""
    overrides = [
        "--config.seeds=3",
        "--noconfig.baselines",
        "-config.experiment.data.fallback=",
        "--config.experiment.eval.levels=(0.1, 0.25)",
        "--config.experiment.learning_rate",
        "1e-4",
        "--config.axes={'model': {'kernel_size': (3, 5)}, 'loss': ('bce', 'mse')}",
    ]
    monkeypatch.chdir(ROOT)

    def parse(arguments):
        values = flags.FlagValues()
        config_flags.DEFINE_config_file("config", flag_values=values)
        flags.DEFINE_string("output", None, "", flag_values=values)
        monkeypatch.setattr("sys.argv", ["ablate", *arguments])
        assert values(["ablate", *arguments])[1:] == []
        return values

    first = parse([*spelling, *overrides])
    words = outcome.cost_command(__main__.config_arguments(first["config"]), tmp_path / "cost.json")
    assert words[1:3] == ["-m", "experiments.ablate.cost"]
    second = parse(words[3:])
    assert second["output"].value == str(tmp_path / "cost.json")
    assert second["config"].value.to_dict() == first["config"].value.to_dict()
    assert second["config"].value.axes.loss == ("bce", "mse")
    assert second["config"].value.to_dict() != decoders_mnist.get_config().to_dict()


def test_runs_on_other_data_are_not_passed_off(tmp_path):
    files.write_json(tmp_path / "config.json", {"config": {}, "dataset": {"name": "glyphs/digits", "sha256": "a" * 64}})
    run_folder.check_data(tmp_path, {"name": "glyphs/digits", "sha256": "a" * 64})
    run_folder.check_data(tmp_path / "nothing yet", {"name": "mnist", "sha256": "b" * 64})
    with pytest.raises(run_folder.RunFolderError, match=r"trained on glyphs/digits .* now is mnist"):
        run_folder.check_data(tmp_path, {"name": "mnist", "sha256": "b" * 64})


def test_an_error_of_an_earlier_start_is_not_reported_again(tmp_path):
    log = tmp_path / "log.txt"
    log.write_text("error: the disk is full\n")
    job = launch.Job("k3", [], log)
    with open(log, "a") as file:
        file.write("killed\n")
    assert progress.last_line(log, job.offset) == "killed"
    assert progress.last_line(log) == "the disk is full"


def test_only_the_gpus_that_may_be_used_are_taken(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, GPU-5f")
    assert launch.seats() == [{"gpu": "2"}, {"gpu": "GPU-5f"}]
    assert launch.seats(3)[2] == {"gpu": "2"}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert launch.gpus() == []


def test_every_field_of_a_grid_says_what_it_means():
    text = (ROOT / "configs/ablations/grid_base.py").read_text()
    for name in grid_base.get_config():
        assert re.search(rf"config\.{name} = .*  # ", text), name


def test_a_value_that_is_not_defined_is_printed_as_such():
    assert [results.spread(values) for values in ([math.nan], [1.0, math.nan], [], [28353, 28353], [1.0, 2.0])] == [
        "nan",
        "nan",
        "",
        "28,353",
        "1.50 ± 0.71",
    ]


def test_values_that_differ_by_rounding_have_no_spread():
    assert results.spread([0.1, 0.1 + 1e-16]) == "0.1"
    assert results.spread([0.0, 0.0]) == "0"


def test_a_difference_has_the_digits_that_its_interval_needs():
    """By the digits of KID alone, both ends would be +0.0000."""
    found = compare({"k3": ([2e-5, 3e-5, 4e-5], [1e-5, 1e-5, 1e-5])})
    assert "k3 (+0.00002, " in verdict.sentence(found, "nearest", metrics.of_task("gan")["kid"])
    wide = compare({"k3": ([0.2, 0.3, 0.4], [0.1, 0.1, 0.1])})
    assert "k3 (+0.2000, " in verdict.sentence(wide, "nearest", metrics.of_task("gan")["kid"])
