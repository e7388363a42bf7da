"""The sections of a grid's report, from made-up results."""

import csv
import dataclasses
import re

import numpy as np
import pytest

from aeden.measures.paired_statistics import compare
from aeden.tasks.execute import TASKS
from experiments.ablate import baselines, grid
from experiments.ablate.plan import make_plan
from experiments.ablate.report import baseline_table, costs, denoise, gan, holes, html, page
from experiments.ablate.report.grid_result import Denoising, GridResult

PROVENANCE = {
    "dataset": "glyphs/digits",
    "requested_dataset": "glyphs/digits",
    "dataset_sha256": "0",
    "steps": 1200,
    "examples": {"train": 1000},
    "task": "denoise",
    "noisy": {"psnr": 11.0, "mse": 0.08},
    "test": {"psnr": 20.0, "mse": 0.01},
    "hardware": {"platform": "gpu", "device_kind": "an accelerator", "processor": "a processor"},
    "versions": {},
    "commit": "c0ffee0123456789+changes",
}


def make_result(settings, workdir, **metrics):
    """The result of a grid whose runs all ended with the same metrics, but for 0.1 more per seed."""
    cells = grid.expand(settings)
    rows = [
        {
            "contender": cell.contender,
            "dataset": "glyphs/digits",
            "level": cell.level,
            **cell.setting,
            "seed": cell.seed,
            **{name: value + 0.1 * cell.seed for name, value in metrics.items()},
            "folder": cell.folder,
        }
        for cell in cells
    ]
    plan = make_plan("made up", settings, cells, workdir)
    values = [row[settings.metric] for row in rows[: settings.seeds]]
    comparisons = compare({"k3": (values, values)})
    commands = [f"python {cell.name}" for cell in cells]
    return GridResult(plan, commands, rows, dict.fromkeys(cells, PROVENANCE), {}, comparisons)


def text_of(parts):
    """What a reader sees of HTML parts."""
    return html.html.unescape(re.sub(r"<[^>]+>", " ", "\n".join(parts)))


def test_the_page_has_the_sections_of_its_task(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "SECTIONS", {"denoise": lambda result: [f"<p>{result.task} only</p>"]})
    result = make_result(settings, tmp_path, psnr=20.0)
    page.write(result)
    assert "denoise only" in (tmp_path / "report.html").read_text()
    monkeypatch.setattr(page, "SECTIONS", {})
    page.write(result)
    assert "denoise only" not in (tmp_path / "report.html").read_text()


def test_holes_have_a_section_of_their_own(settings, tmp_path):
    """The input's figure is of the runs that have it; the section is not there without holes."""
    result = make_result(settings, tmp_path, psnr=20.0, psnr_inside=14.0, psnr_outside=24.0)
    assert holes.section(result) == []
    found = {"psnr_inside": 14.0, "psnr_outside": 24.0, "hole_share": 0.25, "noisy_psnr_inside": 5.5}
    first, *others = result.summaries
    summaries = {first: {**PROVENANCE, "holes": found}, **dict.fromkeys(others, PROVENANCE)}
    result = dataclasses.replace(result, summaries=summaries)
    text = text_of(holes.section(result))
    assert all(part in text for part in ("5.5", "14.050 ±", "24.050 ±", "Holes are 25% of the pixels"))
    assert "inside" not in text_of(denoise.artifacts(result))


def test_sections_are_those_of_known_tasks():
    assert page.SECTIONS.keys() <= TASKS.keys()


def test_the_opening_says_what_was_run(settings, tmp_path):
    result = make_result(settings, tmp_path, psnr=20.0)
    noise = settings.experiment.noise
    assert page.subtitle(result) == (
        f"glyphs/digits; {noise.kind} noise of level {noise.level}, clipped to [0, 1]; 4 runs over 2 seeds, 1,200 "
        "steps each on 1,000 training images at a peak learning rate of 0.003; an accelerator; "
        "commit c0ffee012345+changes"
    )
    assert "warning" not in "".join(page.opening(result))
    finished = dict.fromkeys(result.plan.cells[:2], PROVENANCE)
    failures = {"k3, seed 1": "the disk is <full>", "shared run, seed 1": "killed"}
    opening = page.opening(dataclasses.replace(result, rows=result.rows[:2], summaries=finished, failures=failures))
    assert "Runs that failed: 2. Runs that are not finished: 1." in text_of(opening)
    assert "k3, seed 1: the disk is &lt;full&gt;" in opening[-1]


def test_a_comparison_of_one_seed_has_no_interval(settings, tmp_path):
    settings.seeds = 1
    parts = page.comparison(make_result(settings, tmp_path, psnr=20.0))
    assert "+0.00 (one seed)  no difference shown" in text_of(parts)
    assert not re.search(r"\b(nan|inf)\b", text_of(parts))
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {"forest.png", "forest.svg"}


def test_the_table_of_the_comparison_has_the_metric_of_the_verdict(settings, tmp_path):
    parts = page.comparison(make_result(settings, tmp_path, psnr=20.0, bce=0.1, ssim=0.5))
    assert re.findall(r"<th scope[^>]*>(.*?)</th>", "".join(parts)) == [
        "contender",
        "PSNR, dB",
        "difference",
        "spread over seeds",
        "difference / spread",
        "corrected p",
        "verdict",
        "probability of improvement",
        "seeds won",
        "contender",
        "SSIM",
        "BCE, nats",
    ]
    settings.metric = "harmonic_energy"
    parts = page.comparison(make_result(settings, tmp_path, psnr=20.0, harmonic_energy=0.1))
    assert '<th scope="col">checkerboard energy</th>' in "".join(parts)


def rows_of(parts):
    """The cells of the tables, row by row."""
    return [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", "".join(parts))]


def test_the_comparison_shows_size_margin_and_verdict(settings, tmp_path):
    """Values made so that k3 is shown to be better by 0.05, which is too little to act on."""
    result = make_result(settings, tmp_path, psnr=20.0)
    reference = np.linspace(20.0, 20.7, 8)
    one = reference + 0.05 + np.linspace(-0.01, 0.01, 8)
    found = compare({"k3": (list(one), list(reference))}, margin=0.1)
    result = dataclasses.replace(result, comparisons=found)
    parts = page.comparison(result)
    pooled = np.sqrt((one.var(ddof=1) + reference.var(ddof=1)) / 2)
    line = rows_of(parts)[-1]
    assert line[2:5] == ["+0.050 dB", f"{pooled:.2g}", f"{0.05 / pooled:+.1f}"]
    assert line[5:] == ["0.00781", f"{found['k3'].p_equal:.3g}", "equal for practical use", "0.56", "8 of 8"]
    assert "+0.050 [+0.044, +0.056]  equal for practical use" in text_of(parts)
    assert "the margin of 0.1 dB" in text_of(parts)
    assert "corrected p, equality" in text_of(parts)
    assert "k3 is equal for practical use" in text_of(page.opening(result))
    assert "margin" not in text_of(page.comparison(make_result(settings, tmp_path, psnr=20.0)))


def test_the_comparison_of_a_tuned_grid_says_what_another_tuning_makes(settings, tmp_path):
    reference = np.linspace(20.0, 20.7, 8)
    pairs = {"k3": (list(reference + np.linspace(0.19, 0.21, 8)), list(reference))}
    result = make_result(settings, tmp_path, psnr=20.0)
    text = text_of(page.comparison(dataclasses.replace(result, comparisons=compare(pairs, margin=0.1, allowance=0.05))))
    assert "a difference has to be shown to be larger than 0.05 dB" in text
    assert "Corrected p: of a difference of 0.05 dB or less" in text
    # The test of equality is at the margin less the allowance.
    assert "corrected p, equality: of a difference of 0.05 dB or more." in text
    assert '"Equal for practical use": a difference of 0.05 dB or more has p of at most' in text
    text = text_of(page.comparison(dataclasses.replace(result, comparisons=compare(pairs, margin=0.1))))
    assert "two tunings" not in text
    assert "Corrected p: of no difference; corrected p, equality: of a difference of 0.1 dB or more." in text
    assert '"Equal for practical use": a difference of 0.1 dB or more has p of at most' in text


def test_the_note_of_a_grid_is_below_its_verdict(settings, tmp_path):
    result = make_result(settings, tmp_path, psnr=20.0)
    without = page.opening(result)
    result.plan.settings.note = "A <first> look."
    assert page.opening(result) == [*without[:3], '<p class="note">A &lt;first&gt; look.</p>', *without[3:]]


def test_a_note_is_not_printed_under_results_on_other_data(settings, tmp_path):
    settings.note = "5,000 of the 55,000 images of MNIST."
    result = make_result(settings, tmp_path, psnr=20.0)
    assert result.note == settings.note
    other = {**PROVENANCE, "requested_dataset": "mnist"}
    result = dataclasses.replace(result, summaries=dict.fromkeys(result.plan.cells, other))
    assert result.note == ""
    assert "55,000" not in text_of(page.opening(result))
    assert "which stood in for mnist" in text_of(page.opening(result))


def test_the_opening_names_every_noise_of_the_runs(settings, tmp_path):
    settings.axes = {"noise": {"kind": ("gaussian", "masking")}}
    result = make_result(settings, tmp_path, psnr=20.0)
    assert "; gaussian or masking noise of level 0.4, clipped to [0, 1]; " in page.subtitle(result)
    settings.axes = {"noise": {"level": (0.1, 0.2), "clip": (True, False)}}
    result = make_result(settings, tmp_path, psnr=20.0)
    assert "; gaussian noise, clipped to [0, 1] or not clipped; " in page.subtitle(result)


def test_captions_name_every_value_that_differs_between_runs(settings, tmp_path):
    settings.axes, settings.contenders.k3 = {"batch_size": (32, 64)}, {"gan": {"samples": 500}}
    result = make_result(settings, tmp_path, psnr=20.0)
    assert result.values_of("gan.samples") == [settings.experiment.gan.samples, 500]
    cost = {"parameters": 5, "multiplications": 10**6, "forward_ms": 1.0, "training_ms": 5.0}
    timed = {cell.kind: cost for cell in result.plan.cells}
    parts = costs.section(dataclasses.replace(result, denoising=Denoising([], timed)))
    assert "ms per batch of 32 or 64" in text_of(parts[2:])
    assert "(batch of 32)" in text_of(parts[1:2])  # the figure is about the first setting


def test_names_are_escaped_on_the_page(settings, tmp_path):
    settings.contenders = {"nearest": {"model": {"decoder": "upsample"}}, "k3|<b>": {"model": {"decoder": "transpose"}}}
    result = make_result(settings, tmp_path, psnr=20.0)
    values = [row["psnr"] for row in result.rows[:2]]
    page.write(dataclasses.replace(result, comparisons=compare({"k3|<b>": (values, values)})))
    text = (tmp_path / "report.html").read_text()
    assert "<b>" not in text
    assert "k3|&lt;b&gt;" in text


def test_the_spread_over_seeds_has_a_table_of_its_own(settings, tmp_path):
    settings.seeds = 4
    result = make_result(settings, tmp_path, psnr=20.0)
    for row in result.rows:
        if row["contender"] == "k3":
            row["psnr"] = 20.0 + 0.2 * row["seed"] ** 2
    parts = page.spreads(result)
    assert parts[0] == "<h2>Spread over seeds</h2>"
    nearest, k3 = rows_of(parts)[1:]
    assert nearest == ["nearest", "0.13", "0.073 to 0.48", "reference", "", "4"]
    expected = np.std([0, 0.2, 0.8, 1.8], ddof=1) / np.std([0, 0.1, 0.2, 0.3], ddof=1)
    assert (k3[0], k3[3], k3[5]) == ("k3", f"{expected:.2f}", "4")
    assert 0 < float(k3[4]) < 0.05
    settings.seeds = 1
    assert page.spreads(make_result(settings, tmp_path, psnr=20.0)) == []


def test_groups_are_ordered_contender_by_contender(settings, tmp_path):
    settings.axes = {"noise": {"level": (0.1, 0.4)}}
    result = make_result(settings, tmp_path, psnr=20.0)
    groups = [(contender, setting, [row["seed"] for row in rows]) for contender, setting, rows in result.groups()]
    assert groups == [(name, (level,), [0, 1]) for name in ("nearest", "k3") for level in (0.1, 0.4)]
    assert result.kind("k3", (0.4,)) == "k3, noise.level=0.4"
    assert result.first_setting == " (noise.level=0.1, the first of 2 settings)"


def test_the_first_cells_are_of_one_setting_and_seed_in_part_of_a_grid(settings, tmp_path):
    result = make_result(settings, tmp_path, psnr=20.0)
    names = ("nearest, seed 0", "nearest, seed 1", "k3, seed 1")
    some = dataclasses.replace(result.plan, cells=[cell for cell in result.plan.cells if cell.name in names])
    assert [cell.name for cell in dataclasses.replace(result, plan=some).first_cells] == ["nearest, seed 0"]
    assert [cell.name for cell in result.first_cells] == ["nearest, seed 0", "k3, seed 0"]


def test_each_noise_level_is_compared_with_baselines_of_its_own(settings, tmp_path):
    """Where runs are trained at several levels, and each is tested at others too."""
    settings.axes, settings.experiment.eval.levels = {"noise": {"level": (0.1, 0.4)}}, (0.9,)

    def rows(name, key):
        return [
            {key: name, "noise.level": level, "level": tested, "psnr": 100 * level + tested, "ssim": 0.5, "seed": 0}
            for level in (0.1, 0.4)
            for tested in (level, 0.9)
        ]

    result = make_result(settings, tmp_path, psnr=20.0)
    measured = baselines.Baselines(rows("median", "method"), {})
    result = dataclasses.replace(result, denoising=Denoising(rows("k3", "contender"), {}, measured))
    heads, lines = baseline_table.baseline_rows(result, measured)
    assert heads == ["PSNR, dB", "noise.level=0.1", "noise.level=0.4"]
    assert lines == [[name, ("10.10", 10.1), ("40.40", 40.4)] for name in ("median", "k3")]
    assert "also has SSIM and strengths" in text_of(baseline_table.section(result))


def test_baselines_at_one_level_show_their_strength(settings, tmp_path):
    result = make_result(settings, tmp_path, psnr=20.0)
    row = {"level": 0.4, "psnr": 15.0, "ssim": 0.5}
    tested = [{"contender": "k3", "seed": seed, **row} for seed in (0, 1)]
    measured = baselines.Baselines([{"method": "median", "strength": 3.0, **row}], {})
    result = dataclasses.replace(result, denoising=Denoising(tested, {}, measured))
    heads, lines = baseline_table.baseline_rows(result, measured)
    assert heads == ["method", "PSNR, dB", "SSIM", "strength"]
    assert lines == [
        ["median", ("15.00", 15.0), ("0.5000", 0.5), "3"],
        ["k3", ("15.00", 15.0), ("0.5000", 0.5), ""],
    ]
    assert "also has" not in text_of(baseline_table.section(result))
    assert baseline_table.section(dataclasses.replace(result, denoising=Denoising())) == []


def test_differences_to_the_reference_pair_by_level_and_seed():
    points = {
        "nearest": {0.1: {0: 20.0, 1: 21.0}, 0.5: {0: 15.0}},
        "k3": {0.1: {1: 20.5, 2: 30.0}, 0.3: {0: 18.0}, 0.5: {0: 15.25}},
        "late": {0.5: {1: 15.0}},
    }
    assert denoise.differences(points, "nearest") == {"k3": {0.1: [-0.5], 0.5: [0.25]}}
    assert denoise.differences({"k3": points["k3"]}, "nearest") == {}


def test_runs_trained_at_each_level_are_drawn_at_their_own(settings, tmp_path, monkeypatch):
    settings.axes = {"noise": {"level": (0.1, 0.4)}}
    result = make_result(settings, tmp_path, psnr=20.0)
    tested = [{**row, "level": level, "noisy_psnr": 10.0} for row in result.rows for level in (row["noise.level"], 0.9)]
    curves = []
    draw = denoise.figures.levels
    monkeypatch.setattr(denoise.figures, "levels", lambda *given: curves.append(given[0]) or draw(*given))
    parts = denoise.levels(dataclasses.replace(result, denoising=Denoising(tested)))
    assert "Trained and tested at each level." in text_of(parts)
    assert {name: sorted(points) for name, points in curves[0].items()} == {
        name: [0.1, 0.4] for name in ("nearest", "k3", "noisy input")
    }
    assert curves[0]["k3"][0.4] == [20.0, 20.1]


@pytest.fixture
def gans(settings, tmp_path, rng):
    """The result of a grid of GANs."""
    settings.experiment.task, settings.metric = "gan", "kid"
    result = make_result(settings, tmp_path, kid=0.2, fid=3.0)
    test = {"kid": 0.2, "fid": 3.0, "class_share": [0.25, 0.75]}
    for cell in result.plan.cells:
        folder = result.plan.folders[cell]
        (folder / "progress").mkdir(parents=True)
        np.save(folder / "progress/20.npy", rng.integers(0, 256, (100, 7, 7, 1), dtype=np.uint8))
        one = {**PROVENANCE, "task": "gan", "test": test, "untrained": test, "real": {**test, "kid": 0.0}}
        one["classifier"] = {"accuracy": 0.987, "sha256": "ab" * 32}
        result.summaries[cell] = one
    return result


def test_generators_are_compared_with_untrained_ones_and_with_real_images(gans, tmp_path):
    parts = gan.sections(gans)
    text = text_of(parts)
    assert "judged by a classifier trained here (test accuracy 98.70%, sha256 abababababab)" in text
    assert "different classifiers" not in text
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", parts[-2])]
    assert [row[:2] for row in rows if row] == [
        ["nearest", "trained"],
        ["nearest", "untrained"],
        ["k3", "trained"],
        ["k3", "untrained"],
        ["none", "real"],
    ]
    assert (tmp_path / "figures/samples.png").exists()
    with (tmp_path / "samples.csv").open() as file:
        found = [(row["generator"], row["images"], row["seed"], row["kid"]) for row in csv.DictReader(file)]
    seeds = sorted({str(cell.seed) for cell in gans.plan.cells})
    assert sorted(found) == sorted(
        [
            *(
                (name, images, seed, "0.2")
                for name in ("k3", "nearest")
                for images in ("trained", "untrained")
                for seed in seeds
            ),
            *(("none", "real", seed, "0.0") for seed in seeds),
        ]
    )
    page.write(gans)
    assert "gaussian noise" not in (tmp_path / "report.html").read_text()


def test_samples_at_other_truncations_have_rows_of_their_own(gans):
    for one in gans.summaries.values():
        one["truncations"] = {"1.5": {**one["test"], "agreement": 0.9}}
        one["classifier"]["kind"] = "half"
    parts = gan.sections(gans)
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", parts[-2])]
    assert [row[1] for row in rows if row and row[0] == "k3"] == ["trained", "truncated at 1.5", "untrained"]
    heads = re.findall(r"<th[^>]*>(.*?)</th>", parts[-2])
    agreement = [row[heads.index("class agreement")] for row in rows if row and row[0] == "k3"]
    assert agreement == ["", "0.9", ""]
    assert "compared with the half of the training split that the classifier was not trained on" in text_of(parts)


def test_different_classifiers_are_pointed_out(gans):
    gans.summaries[gans.plan.cells[0]]["classifier"]["accuracy"] = 0.9
    assert "2 different classifiers judged these samples" in text_of(gan.sections(gans))


def test_html_is_escaped_and_tables_sort_by_value():
    assert html.note("a < b") == '<p class="note">a &lt; b</p>'
    made = html.table(["one", "a & b"], [["x", ("1,000", 1000)]])
    assert '<th scope="col">a &amp; b</th>' in made
    assert '<td data-value="x">x</td><td data-value="1000">1,000</td>' in made
