"""The verdict over settings: what it reads, what it refuses, and what it says of the committed tables."""

import importlib
import re
from types import SimpleNamespace

import numpy as np
import pytest
from browser import needs_browser, run_in
from conftest import ROOT
from documents import link_problem
from ml_collections import ConfigDict
from scipy import stats

from aeden.runtime import files
from configs.ablations import quick
from configs.settings import base, decoders
from configs.settings.base import question, table
from experiments import cli
from experiments.settings import __main__ as command
from experiments.settings import advice, contenders, differences, document, page, scale, summary
from experiments.settings.setting import settings_of
from experiments.settings.trials import Pairs

PAGE = ROOT / "docs/which-decoder.md"


@pytest.fixture(scope="module")
def config():
    return decoders.get_config()


@pytest.fixture(scope="module")
def settings(config):
    return settings_of(config, ROOT)


def named(settings, name):
    return next(one for one in settings if one.name == name)


# The committed tables


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "configs/settings").glob("[!_]*.py")))
def test_a_committed_page_says_what_the_tables_say(name):
    """Its generated parts and the HTML page are those of the tables; the picture has only to exist."""
    module = importlib.import_module(f"configs.settings.{name}")
    if name in ("base", "decoder_tables"):  # what the others are made of
        return
    remedy = next(line for line in module.__doc__.splitlines() if line.startswith("python -m experiments.settings"))
    written, config = ROOT / remedy.partition("--document=")[2], module.get_config()
    text, settings = written.read_text(), settings_of(config, ROOT)
    parts = command.parts_of(settings, config, written.parent, ROOT)
    assert document.insert(text, parts) == text, remedy
    if config.page:
        html = page.html(command.title_of(text), settings, config, written.parent, ROOT)
        assert written.with_suffix(".html").read_text() == html, remedy
    assert written.with_suffix(".png").exists()


def test_the_settings_agree_with_the_published_grids(settings):
    """docs/results-decoders.md: interval and verdict of MNIST, and of networks with skip connections."""
    assert len(settings) >= 15
    tuned = named(settings, "mnist").effects
    one = tuned["subpixel"]
    assert (one.comparison.mean, one.comparison.low, one.comparison.high) == pytest.approx((0.35, 0.24, 0.45), abs=6e-3)
    assert (one.word, tuned["k3"].word) == ("better", "no difference shown")
    assert tuned["k3"].comparison.corrected == pytest.approx(0.234, abs=1e-3)
    assert one.costs["parameters"] == pytest.approx(83_841 / 28_353)
    place = named(settings, "skips, model.skip=True, model.stages=3")
    assert place.words == "MNIST, with skip connections, 3-stage network"
    # The map's rule is stricter than that of a grid at one rate for all, which calls `k3` better too.
    assert {name: one.word for name, one in place.effects.items()} == {"k3": "no difference shown", "k4": "better"}


def test_every_link_of_the_html_page_leads_somewhere():
    targets = re.findall(r'href="([^"]+)"', PAGE.with_suffix(".html").read_text())
    assert len(targets) >= 30
    assert [text for target in targets if (text := link_problem(target, PAGE, ROOT))] == []


@needs_browser
def test_the_map_in_a_browser_is_not_sorted(tmp_path):
    """Its rows stay below their sections, wherever a reader clicks."""
    script = (
        "const names = () => [...document.querySelectorAll('table.map tr')].map(row => row.textContent).join(); "
        "const before = names(); document.querySelectorAll('table.map th').forEach(head => head.click()); "
        "document.body.dataset.same = before === names() && !document.querySelector('[aria-sort]');"
    )
    assert 'data-same="true"' in run_in(PAGE.with_suffix(".html"), script, tmp_path)


def test_every_setting_is_in_the_heat_map(config, settings):
    """One row with a cell for each contender; the first cell of a setting is its link. The names are explained."""
    text, names = PAGE.with_suffix(".html").read_text(), page.columns(settings, config)
    rows = re.findall(r"<tr><td>.*?</tr>", text)
    assert re.findall(r"<dt>(.*?)</dt>", text) == [config.reference, *names]
    assert len(rows) == len(settings)
    for row in rows:
        assert row.count('<td class="cell') == len(names)


def test_tests_of_the_same_networks_are_averaged_seed_by_seed(settings):
    """The error of sub-pixel convolution on MNIST is that of a t-test of the mean of four differences."""
    names = ("mnist", "noises_mnist_salt_and_pepper", "noises_mnist_speckle", "noises_mnist_masking")
    chosen = [named(settings, name) for name in names]
    (found,) = summary.networks_of(summary.distinct(chosen, "subpixel"))
    by_seed = np.mean([list(one.effects["subpixel"].by_seed.values()) for one in chosen], axis=0)
    assert (found.mean, found.error) == pytest.approx((by_seed.mean(), stats.sem(by_seed)))
    # In dB, the first of them is what the table says.
    assert 0.1 * np.mean(list(chosen[0].effects["subpixel"].by_seed.values())) == pytest.approx(0.35, abs=6e-3)


def test_the_same_runs_in_another_table_count_once(settings):
    """`k3` has as many parameters as `nearest` in any case, so both tables have the same runs of it."""
    both = [named(settings, "mnist"), named(settings, "mnist_equal")]
    assert [len(summary.distinct(both, name)) for name in ("k3", "k4")] == [1, 2]


def test_settings_at_a_rate_too_low_are_left_out(settings):
    used = summary.counted(settings, equal_parameters=False)
    assert {"low_mnist", "mnist_equal"}.isdisjoint(one.name for one in used)
    assert summary.summarise(used, "before").settings == 0
    everything = summary.counted(settings, equal_parameters=False, everything=True)
    assert summary.summarise(everything, "before").counts["worse"] == 2


def test_the_readme_quotes_the_verdict(settings):
    """Its first answer has the counts of the page, which the command writes."""
    page = PAGE.read_text()
    answer = " ".join((ROOT / "README.md").read_text().split("aeden is for you")[0].split())
    count = re.search(r"of (\d+) settings \(", page)[1]
    assert f"Over {count} settings" in answer
    both = [
        one for one in summary.counted(settings, equal_parameters=False) if {"subpixel", "k4"} <= one.effects.keys()
    ]
    better = sum(one.effects["k4"].word == "better" for one in both)
    assert f"(of the same {len(both)}, in {better})" in answer
    for words, contender in (
        ("sub-pixel convolution is", "subpixel"),
        ("4 x 4 transposed", "k4"),
        ("3 x 3 transposed", "k3"),
    ):
        better, tried, worse = re.search(
            rf"\(`{contender}`\): better in (\d+) of (\d+) settings, worse in (\d+)", page
        ).groups()
        start = "better in " if contender == "subpixel" else "in "
        end = f", worse in {worse}" if int(worse) else ""
        assert f"{words} {start}{better} of {tried}{end}" in answer


# Tables of every kind


def rows_of(values, dataset="mnist", **others):
    """Rows of a table: contender -> metric by seed."""
    return [
        {"contender": name, "dataset": dataset, **others, "seed": seed, "psnr": value, "parameters": 10}
        for name, own in values.items()
        for seed, value in enumerate(own)
    ]


@pytest.fixture
def make(tmp_path):
    """(config, settings) of tables: name -> (rows, fields of the entry)."""

    def made(tables, **questions):
        config = base.get_config()
        config.reference, config.headline = "a", ("b",)
        config.contenders = ConfigDict({"a": "the reference", "b": "another", "c": "a third"}, sort_keys=False)
        for name, (rows, fields) in tables.items():
            files.write_csv(tmp_path / f"{name}.csv", rows)
            config.tables[name] = table(f"{name}.csv", **fields)
        for name, one in questions.items():
            config.questions[name] = one
        return config, settings_of(config, tmp_path)

    return made


LOW, HIGH = [20.0, 20.1, 19.9, 20.2, 20.0, 20.1], [20.5, 20.7, 20.3, 20.8, 20.4, 20.6]


def test_an_entry_adds_the_settings_of_a_table(make):
    """Axes, rows that are chosen, other names, and a data set that the table does not name."""
    rows = [
        {**row, "epochs": epochs, "kind": kind}
        for epochs in (3, 12.0)
        for kind in ("x", "y")
        for row in rows_of({"old": LOW, "b": HIGH}, dataset=None)
    ]
    rows += [{**row, "epochs": 48} for row in rows if row["epochs"] == 3]
    where = {"kind": "x", "epochs": (3, 12)}
    fields = {"axes": ("epochs",), "where": where, "rename": {"old": "a"}, "data": "photos", "tuned": True}
    config, (first, second) = make({"longer": (rows, fields)})
    assert (first.name, second.words) == ("longer, epochs=3", "photos, 12 epochs")
    assert first.effects.keys() == {"b"}
    assert first.effects["b"].comparison.mean == pytest.approx(0.5)
    assert first.effects["b"].comparison.allowance == pytest.approx(0.05)  # the tuning's share
    assert "| photos, 12 epochs |" in document.settings_table([first, second], ROOT, ROOT)
    assert page.columns([first], config) == ["b"]


def test_a_place_is_named_in_words(make):
    plain = [{**row, "accuracy": row["psnr"] / 100} for row in rows_of({"a": LOW, "b": HIGH})]
    rows = [{**row, "stack.labels": labels} for labels in (100, 0, 1000) for row in plain]
    _, settings = make({"t": (rows, {"axes": ("stack.labels",), "task": "stack", "metric": "accuracy"})})
    assert [one.words for one in settings] == ["MNIST, 100 labels", "MNIST, all labels", "MNIST, 1,000 labels"]


def test_the_runs_of_a_table_by_method_are_found_by_name(make):
    """What `aeden evaluate` writes has methods without training too, and no column `contender`."""
    plain = rows_of({"a": LOW, "b": HIGH})
    rows = [{"method": f"{row['contender']}-seed{row['seed']}", "psnr": row["psnr"], "seed": ""} for row in plain]
    methods = [{"method": name, "psnr": 1.0, "seed": ""} for name in ("median", "a-seed", "b-seed1-half", "other-1")]
    fields = {"runs": r"(?P<contender>\w+)-seed(?P<seed>\d+)", "data": "photos"}
    _, (named, usual) = make({"named": ([*methods, *rows], fields), "usual": (plain, {"data": "photos"})})
    assert named.effects["b"].comparison == usual.effects["b"].comparison
    assert (named.effects["b"].by_seed, named.reference) == (usual.effects["b"].by_seed, usual.reference)


def test_a_metric_of_which_less_is_better_and_other_units(make):
    """mse with a margin: what is lower counts as positive; means are of the metric that most settings have."""
    rows = [{**row, "mse": 1.0 - row["psnr"] / 100} for row in rows_of({"a": LOW, "b": HIGH})]
    _, settings = make(
        {
            "low": (rows, {"metric": "mse", "margin": 0.001, "name": "low"}),
            "high": (rows, {}),
            "none": (rows, {"metric": "mse"}),
            "more": (rows_of({"a": LOW, "b": [21.0, 21.2, 20.8, 21.1, 21.3, 20.9]}), {}),
        }
    )
    low, high, none, more = settings
    assert low.effects["b"].word == "better"
    assert low.effects["b"].comparison.mean < 0 < page.value(low.effects["b"])
    assert page.value(low.effects["b"]) == pytest.approx(page.value(high.effects["b"]))  # 0.005 / 0.001, 0.5 / 0.1
    assert str(scale.scale_of([high, none])) == "dB"
    assert scale.averaged(settings) == [high, more]
    assert scale.averaged(settings[:3]) == [low]  # the first of equally frequent ones
    assert summary.summarise(settings, "b").counts["better"] == 4
    assert len(summary.summarise(settings, "b").networks) == 2
    # Without a margin only the verdict counts.
    assert np.isnan(page.value(none.effects["b"]))
    found = summary.summarise([none], "b")
    assert (found.counts["better"], found.over_networks) == (1, None)
    said = document.summary_table(settings, decoders_like(settings), False)
    assert "Of 2 settings by MSE only the verdict counts, not the mean, which is over those by PSNR." in said


def test_the_map_as_a_table_has_the_best_baseline_and_the_intervals(make, tmp_path):
    rows = [{**row, "epochs": epochs} for epochs in (1, 2) for row in rows_of({"a": LOW, "b": HIGH, "c": LOW})]
    methods = [
        {"method": method, "epochs": epochs, "psnr": psnr, "strength": ""}
        for epochs, method, psnr in ((1, "x", 15.0), (1, "y", 18.25), (2, "x", 19.5), (2, "y", 17.0))
    ]
    files.write_csv(tmp_path / "methods.csv", methods)
    fields = {"axes": ("epochs",), "baselines": "methods.csv", "data": "photos"}
    config, settings = make({"t": (rows, fields), "u": (rows_of({"a": LOW, "b": HIGH}), {})})
    lines = differences.differences_table(settings, config, tmp_path, tmp_path).splitlines()
    assert lines[0] == "| setting (PSNR, dB) | best without training | `a` | `b` | `c` |"
    low, high = stats.t.interval(0.95, 5, 0.5, stats.sem(np.subtract(HIGH, LOW)))
    found = f"+0.50 [{low:+.2f}, {high:+.2f}]"  # of four comparisons, six seeds cannot show one
    reference = f"{np.mean(LOW):.2f}"
    assert lines[2].startswith(f"| [photos, 1 epochs](t.csv) | y 18.25 | {reference} | {found} | +0.00 [+0.00, +0.00]")
    assert lines[3].startswith(f"| [photos, 2 epochs](t.csv) | x 19.50 | {reference} | {found} |")
    assert lines[4] == f"| [MNIST](u.csv) |  | {reference} | {found} ▲ |  |"
    for name, said in (("gone.csv", "there is no table"), ("t.csv", "no method with psnr")):
        with pytest.raises(ValueError, match=said):
            make({"t": (rows, {**fields, "baselines": name})})


def test_the_table_of_an_entry_has_rates_costs_figures_and_verdicts(make, tmp_path):
    """Means and deviations are NumPy's, the interval is SciPy's; a metric of which less is better counts as ahead."""
    rows = [
        {**row, "epochs": epochs, "mse": 1.0 - row["psnr"] / 100, "learning_rate": rate, "multiplications": 2.5e6}
        for epochs in (1, 2)
        for row in rows_of({"a": LOW, "b": HIGH, "c": LOW[:5]})
        for rate in [{"a": 0.0123, "b": 0.5, "c": 0.1}[row["contender"]]]
    ]
    methods = [{"method": "non_local", "epochs": epochs, "psnr": 15.0, "mse": 0.25} for epochs in (1, 2)]
    files.write_csv(tmp_path / "methods.csv", methods)
    fields = {"axes": ("epochs",), "baselines": "methods.csv", "metric": "mse", "margin": 1e-4, "columns": ("psnr",)}
    pair = rows_of({"a": LOW, "b": HIGH})
    config, settings = make({"t": (rows, {**fields, "tuned": True}), "u": (pair, {})})
    text = contenders.contender_tables(settings[:2], config, tmp_path, tmp_path)
    assert "MNIST, 1 epochs ([t.csv](t.csv)):" in text
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    assert lines[0][:3] == ["chosen rate", "parameters", "million multiplications per image"]
    assert lines[0][3:7] == ["MSE", "PSNR, dB", "difference [95 % interval]", "ahead"]
    assert lines[2][:4] == ["without training: non local", "", "", ""]
    assert lines[2][4:6] == ["0.25000", "15.00"]
    assert lines[3][:4] == ["`a`", "0.012", "10", "2.50"]
    mean, deviation = np.mean(HIGH), np.std(HIGH, ddof=1)
    low, high = stats.t.interval(0.95, 5, -0.005, stats.sem(np.subtract(HIGH, LOW)) / 100)
    assert lines[4][5] == f"{mean:.2f} ± {deviation:.2f}"
    assert lines[4][6:8] == [f"-0.00500 [{low:+.5f}, {high:+.5f}]", "6 of 6"]
    assert lines[5][7] == "0 of 5"
    # Without a title, as it is one setting; without rates, as they are the same.
    alone = contenders.contender_tables([settings[2]], config, tmp_path, tmp_path)
    assert alone.startswith("|  | parameters | PSNR, dB |")
    assert "| reference |" in alone
    assert f"| **+0.50 [{-100 * high:+.2f}, {-100 * low:+.2f}]** | 6 of 6 | 0.031 | better |" in alone
    config.tables.t.columns = ("ssim",)
    with pytest.raises(ValueError, match=r"t\.csv has no metric ssim: correct `columns` of t"):
        contenders.contender_tables(settings[:2], config, tmp_path, tmp_path)


def test_a_contender_that_is_no_decoder_is_shown_and_not_compared(make, tmp_path):
    """It changes no comparison, no p-value and no mean; its figures are a row of the table of the entry."""
    plain = rows_of({"a": LOW, "b": HIGH, "c": LOW})
    other = rows_of({"random": [10.0, 12.0, 14.0, float("nan")]})
    tables = {"all": ([*other, *plain], {"not_decoders": ("random",)}), "usual": (plain, {})}
    config, (one, usual) = make(tables)
    assert one.effects == usual.effects
    assert one.notes == usual.notes == []
    assert page.columns([one], config) == ["b", "c"]
    text = contenders.contender_tables([one], config, tmp_path, tmp_path)
    rest = contenders.contender_tables([usual], config, tmp_path, tmp_path)
    row = "| `random` | 10 | 12.0 ± 2.0 |  |  |  | not compared |\n"
    assert text.count(row) == 1
    assert text.replace(row, "") == rest


def decoders_like(settings):
    return SimpleNamespace(contenders={"a": "", "b": ""}, reference="a")


def test_seeds_without_a_finite_value_are_left_out_and_told(make):
    _, (one,) = make({"t": (rows_of({"a": LOW, "b": [*HIGH[:5], float("nan")]}), {})})
    assert one.effects["b"].comparison.pairs == 5
    assert "1 of 6 runs of b" in document.settings_table([one], ROOT, ROOT)


PLAIN = rows_of({"a": LOW, "b": HIGH})


@pytest.mark.parametrize(
    ("rows", "fields", "said"),
    [
        (PLAIN, {"metric": "fid"}, "cannot be about the metric 'fid'"),
        (PLAIN, {"metric": "ssim"}, "has no column ssim: it has"),
        (PLAIN, {"axes": ("epochs",)}, "has no column epochs"),
        (PLAIN, {"where": {"dataset": "photos"}}, "no row has dataset=photos"),
        (PLAIN, {"task": "sing"}, "unknown task 'sing'"),
        (PLAIN, {"runs": "(?P<contender>.)"}, "has not the groups contender and seed"),
        (PLAIN, {"runs": "(?P<contender>."}, "is no regular expression"),
        (PLAIN, {"runs": r"(?P<contender>.)(?P<seed>\d)"}, "no method of the table is a run"),
        ([*PLAIN, *PLAIN], {}, "two rows of a have seed 0: name the column"),
        ([*PLAIN, {**PLAIN[0], "dataset": "x", "seed": 9}], {}, "several data sets"),
        (rows_of({"a": LOW, "d": HIGH}), {}, "contender 'd' is unknown"),
        (rows_of({"b": LOW}), {}, "no run of the reference a"),
        (PLAIN, {"not_decoders": ("random",)}, "'random' in `not_decoders` has no run in the table"),
        (PLAIN, {"rename": {"old": "a"}}, "the table has no contender 'old': correct `rename`"),
        (PLAIN, {"not_decoders": ("b",)}, "'b' in `not_decoders` is in config.contenders"),
        ([*PLAIN, {**PLAIN[0], "seed": ""}], {}, "contender a, seed None has no seed: restore"),
        ([{**PLAIN[0], "dataset": ""}, *PLAIN[1:]], {}, "contender a, seed 0 has no dataset: restore"),
        ([{**PLAIN[0], "psnr": "20,5"}, *PLAIN[1:]], {}, "has no number as psnr, but '20,5': restore"),
        ([{**PLAIN[0], "seed": "first"}, *PLAIN[1:]], {}, "has no number as seed, but 'first': restore"),
        (PLAIN, {"report": "docs/gone.md#here"}, "there is no page docs/gone.md#here: correct `report`"),
    ],
)
def test_a_table_that_is_not_what_its_entry_says_is_refused(make, rows, fields, said):
    with pytest.raises(ValueError, match=said) as refused:
        make({"t": (rows, fields)})
    assert str(refused.value).startswith("t.csv (t): ")


def test_configs_without_tables_and_wrong_names_are_refused(tmp_path, make):
    empty = base.get_config()
    with pytest.raises(ValueError, match="there are no tables"):
        settings_of(empty, tmp_path)
    empty.tables.gone = table("gone.csv")
    with pytest.raises(ValueError, match="reference '' is none of the contenders"):
        settings_of(empty, tmp_path)
    empty.reference, empty.contenders.a = "a", "the reference"
    with pytest.raises(ValueError, match=r"gone.csv \(gone\): there is no such table"):
        settings_of(empty, tmp_path)
    with pytest.raises(ValueError, match="a table has no field axis"):
        table("gone.csv", axis=("epochs",))
    config, settings = make({"t": (PLAIN, {})})
    with pytest.raises(ValueError, match="no setting is named x: there are t"):
        advice.answer(question("you", ("x",), ""), settings, list(config.contenders), "a")
    with pytest.raises(ValueError, match="unknown most 'time': use one of parameters, multiplications"):
        advice.answer(question("you", ("t",), "", most={"time": 1.0}), settings, list(config.contenders), "a")
    with pytest.raises(ValueError, match=r"margin=-3.0 is negative: 0 for that of the metric"):
        table("t.csv", margin=-3.0)
    with pytest.raises(ValueError, match="tuned='yes' of a table takes a bool"):
        table("t.csv", tuned="yes")
    with pytest.raises(ValueError, match="axes='epochs' of a table takes a tuple"):
        table("t.csv", axes="epochs")
    config.headline = ("d",)
    with pytest.raises(ValueError, match="unknown headline 'd': use one of a, b, c"):
        document.in_short(settings, config)


def test_trials_are_compared_at_the_same_rate_and_seed(make, tmp_path):
    """A trial without a partner, and one that has no value, are no pair; the place on the axes chooses the trials."""
    made = [
        ("a", 1000, 0.01, 20.0, 1), ("a", 1001, 0.02, 19.0, 1), ("a", 1002, 0.03, 18.0, 1), ("a", 1000, 0.01, 5.0, 2),
        ("b", 1000, 0.01, 20.3, 1), ("b", 1001, 0.02, 18.9, 1), ("b", 1002, 0.04, 25.0, 1), ("b", 1003, 0.05, None, 1),
        ("b", 1000, 0.01, 4.0, 2), ("c", 1002, 0.03, float("nan"), 1),
    ]  # fmt: skip
    names = ("contender", "seed", "learning_rate", "validation_psnr", "epochs")
    files.write_csv(tmp_path / "trials.csv", [dict(zip(names, row, strict=True)) for row in made])
    rows = [{**row, "epochs": epochs} for epochs in (1, 2) for row in PLAIN]
    config, settings = make({"t": (rows, {"axes": ("epochs",), "trials": "trials.csv"})})
    assert [one.trials for one in settings] == [
        {"b": Pairs(2, 1, pytest.approx(0.1))},
        {"b": Pairs(1, 0, pytest.approx(-1.0))},
    ]
    text = contenders.contender_tables(settings, config, tmp_path, tmp_path)
    assert "| +0.10, 1 of 2 |" in text
    assert len({line.count("|") for line in text.splitlines() if line.startswith("|")}) == 1
    kept = {"axes": ("epochs",), "where": {"epochs": 2}, "trials": "trials.csv"}
    assert make({"t": (rows, kept)})[1][0].trials == {"b": Pairs(1, 0, pytest.approx(-1.0))}
    files.write_csv(tmp_path / "twice.csv", [dict(zip(names, row, strict=True)) for row in [*made, made[0]]])
    for path, said in (
        ("twice.csv", "has two trials of a with"),
        ("gone.csv", "there is no table"),
        ("t.csv", "has no pair of trials with validation_psnr"),
    ):
        with pytest.raises(ValueError, match=said):
            make({"t": (rows, {"axes": ("epochs",), "trials": path})})


def test_an_entry_that_forgets_its_task_is_refused(make):
    rows = [{**row, "super_resolve.factor": 2} for row in PLAIN]
    with pytest.raises(ValueError, match=r"super_resolve.factor, which task=denoise does not read: set .* super_res"):
        make({"t": (rows, {})})
    make({"t": (rows, {"task": "super_resolve"})})


def test_own_tables_alone_leave_no_empty_parts(make, tmp_path):
    """A config with a reference, contenders and tables, and nothing else."""
    config, settings = make({"t": (PLAIN, {})})
    config.headline = ()
    parts = command.parts_of(settings, config, tmp_path, tmp_path)
    assert (parts["advice"], parts["equal"]) == ("", "")
    assert "another (`b`): better in 1 of 1 setting, worse in 0" in parts["short"]
    assert "these are denoising mnist" in parts["summary"].lower()
    left_out = make({"u": (PLAIN, {"left_out": "for a reason"})})[1]
    assert "these are ." not in document.summary_table(left_out, config, equal_parameters=False)


def test_the_verdict_of_the_guide_works(tmp_path):
    """Its config, and a table of the grid that it names."""
    section = (ROOT / "docs/guide.md").read_text().partition("### One verdict of many grids")[2]
    defined = {}
    exec(re.search(r"```python\n(.*?)```", section, re.DOTALL)[1], defined)
    config = defined["get_config"]()
    folder = tmp_path / config.tables.quick.path
    folder.parent.mkdir(parents=True)
    files.write_csv(
        folder, rows_of({name: LOW if name == "nearest" else HIGH for name in quick.get_config().contenders})
    )
    (setting,) = settings_of(config, tmp_path)
    assert (setting.words, list(setting.effects)) == ("MNIST, a first look", ["k3"])
    assert "k3" in document.in_short([setting], config)


def test_the_names_say_how_to_make_a_decoder(config):
    lines = document.names_table(config).splitlines()
    assert len(lines) == 2 + len(config.contenders)
    assert "`--config.model.decoder=transpose --config.model.decoder_kernel_size=4`" in next(
        line for line in lines if line.startswith("| `k4` ")
    )
    bare = base.get_config()
    bare.contenders.a = "the reference"
    assert document.names_table(bare).splitlines()[2] == "| `a` | the reference |"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no row"),
        (b"contender,seed\n", "has no row"),
        (b"contender,seed\na,1,20.0\n", "one that is longer than its head"),
        (b"contender,seed\n\xff\xfe,1\n", "is no CSV table"),
        (b'contender,seed\n"a,1\n', "is no CSV table"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path, content, said):
    config = base.get_config()
    config.reference, config.contenders.a = "a", "the reference"
    config.tables.t = table("t.csv")
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(ValueError, match=said):
        settings_of(config, tmp_path)


def test_a_document_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "page.md").write_bytes(b"\xff\xfe page")
    with pytest.raises(ValueError, match=r"page\.md is no text in UTF-8"):
        command.text_of(tmp_path / "page.md")
    with pytest.raises(ValueError, match="there is no document"):
        command.text_of(tmp_path / "gone.md")


# Advice


def noisy(seed, difference):
    """Six values around 20, and those of a contender that is better by about `difference`."""
    drawn = np.random.default_rng(seed)
    reference = 20 + 0.1 * drawn.standard_normal(6)
    return list(reference), list(reference + difference + 0.05 * drawn.standard_normal(6))


def on(names, difference, **fields):
    """A table for each data set in which b differs from a."""
    tables = {}
    for seed, name in enumerate(names):
        reference, other = noisy(seed, difference)
        tables[name] = (rows_of({"a": reference, "b": other}, dataset=name), fields)
    return tables


@pytest.mark.parametrize(
    ("tables", "take", "strength"),
    [
        (on("xyz", 0.5, tuned=True), "b", "strong"),
        (on("xy", 0.5, tuned=True), "b", "moderate"),
        (on("x", 0.5, tuned=True), "b", "weak"),
        (on("xyz", 0.5), "b", "weak"),  # not tuned
        (on("xyz", 0.5, tuned=True, left_out="for a reason"), "b", "weak"),
        (on("xyz", -0.5, tuned=True), "a", "none"),
        (on("xyz", 0.0, tuned=True), "a", "none"),
        ({**on("xyz", 0.5, tuned=True), **on("w", -0.5, tuned=True)}, "a", "none"),  # worse somewhere
    ],
)
def test_what_is_recommended_and_how_strong_the_evidence_is(make, tables, take, strength):
    config, settings = make(tables, one=question("you ask", ("*",), "much"))
    found = advice.answer(config.questions.one, settings, list(config.contenders), "a")
    assert (found.take, found.strength) == (take, strength)
    assert f"| you ask | **{config.contenders[take]}** (`{take}`)" in document.advice_table([found], config)


def test_a_contender_that_costs_too_much_is_not_recommended(make):
    rows = [{**row, "parameters": {"a": 10, "b": 20}[row["contender"]]} for row in PLAIN]
    config, settings = make({"t": (rows, {})})
    for limit, take in ((1.0, "a"), (2.0, "b")):
        asked = question("you", ("t",), "", most={"parameters": limit})
        assert advice.answer(asked, settings, list(config.contenders), "a").take == take


def test_others_that_are_better_as_often_are_named(make):
    """c is better by less, with fewer parameters, so b is taken; where c is worse somewhere it is not named."""
    low, high = LOW + LOW, HIGH + HIGH  # of two comparisons, six seeds cannot show one
    rows = rows_of({"a": low, "b": high, "c": list(np.add(low, 0.8 * np.subtract(high, low)))})
    rows = [{**row, "parameters": {"a": 10, "b": 30, "c": 20}[row["contender"]]} for row in rows]
    worse = rows_of({"a": high, "c": low}, dataset="y")
    for tables, named in (({"x": (rows, {})}, True), ({"x": (rows, {}), "y": (worse, {})}, False)):
        config, settings = make(tables)
        found = advice.answer(question("you", ("*",), ""), settings, list(config.contenders), "a")
        assert (found.take, list(found.as_often)) == ("b", ["c"] if named else [])
        line = document.advice_table([found], config)
        assert ("3.0 times the parameters. Better as often: `c` (+0.40 dB, 2.0 times the parameters)" in line) == named


def test_three_data_sets_predict_another(make):
    """With the networks nested in data sets; with two, the table says why it does not."""
    config, settings = make(on("xyz", 0.5, tuned=True))
    found = summary.summarise(settings, "b").over_data
    assert 0 < found.predicted_low < 5 < found.predicted_high  # in margins
    assert "takes 3" not in document.summary_table(settings, config, False)
    assert "takes 3, and these are denoising x and denoising y" in document.summary_table(settings[:2], config, False)


# The command


def test_the_page_needs_its_markers():
    text = "a\n<!-- begin x -->\nold\n<!-- end x -->\nb"
    assert document.insert(text, {"x": "new\n"}) == "a\n<!-- begin x -->\n\nnew\n\n<!-- end x -->\nb"
    assert document.insert(text, {"x": "new\n", "y": "left out"}) == document.insert(text, {"x": "new"})
    for wrong in ("<!-- begin x -->", "<!-- end x --><!-- begin x -->", text + text):
        with pytest.raises(ValueError, match="one line <!-- begin x -->"):
            document.insert(wrong, {"x": "new"})
    with pytest.raises(ValueError, match=r"no marker: put .* around x, y"):
        document.insert("a", {"x": "new", "y": "new"})
    with pytest.raises(ValueError, match="there is no such part: use y"):
        document.insert(text, {"y": "new"})


def test_a_misspelt_field_of_a_verdict_is_refused(make, monkeypatch):
    config, _ = make({"t": (PLAIN, {})})
    config.headlines = ("b",)
    monkeypatch.setattr(cli, "CONFIG", SimpleNamespace(value=config))
    monkeypatch.setattr(command, "DOCUMENT", SimpleNamespace(value=None))
    with pytest.raises(ValueError, match="a verdict has no field headlines"):
        command.main()


def test_the_command_writes_the_page_and_the_map(make, monkeypatch, tmp_path, capsys):
    config, _ = make(on("xyz", 0.5, tuned=True), one=question("you", ("*",), "much"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    written = tmp_path / "docs/which.md"
    parts = ("short", "advice", "summary", "equal", "settings")
    written.write_text("# Which?\n" + "".join(f"\n<!-- begin {name} -->\n<!-- end {name} -->\n" for name in parts))
    monkeypatch.setattr(cli, "CONFIG", SimpleNamespace(value=config))
    monkeypatch.setattr(command, "OUT", SimpleNamespace(value=None))
    monkeypatch.setattr(command, "DOCUMENT", SimpleNamespace(value="docs/which.md"))
    command.main()
    once = {path.name: path.read_bytes() for path in (tmp_path / "docs").iterdir()}
    assert once.keys() == {"which.md", "which.png", "which.html"}
    assert "[x.csv](../x.csv)" in written.read_text()
    assert "<h1>Which?</h1>" in once["which.html"].decode()
    command.main()
    assert once == {path.name: path.read_bytes() for path in (tmp_path / "docs").iterdir()}
    monkeypatch.setattr(command, "DOCUMENT", SimpleNamespace(value="docs/gone.md"))
    with pytest.raises(ValueError, match="there is no document"):
        command.main()
