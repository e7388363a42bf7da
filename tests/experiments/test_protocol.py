"""Does the whole protocol tell the truth? Trials, choice, fresh seeds and verdict, on a simulated objective.

Only the runs are simulated: a run's PSNR is a curve of its learning rate plus noise. The curves are those that four
decoders have on MNIST after three epochs. They differ in height, in where the best rate is, and in how steeply they
fall beyond it. The noise of a run is partly common to all contenders under its seed. Everything else is the code of
grids.
"""

import dataclasses
import functools
import itertools

import numpy as np
import pytest
from scipy import stats
from scipy.interpolate import PchipInterpolator
from test_tuning import command, config_of, finish  # noqa: F401

from aeden.runtime import files
from experiments.ablate import choice, grid, metrics, run, tuning, verdict
from experiments.ablate.plan import Plan

PSNR = metrics.of_task("denoise")["psnr"]
# Learning rate -> PSNR on the test images, in dB. Validation images give 0.14 dB less.
CURVES = {
    "k3": {0.003: 20.39, 0.006: 20.63, 0.012: 20.77, 0.024: 20.85, 0.048: 20.88, 0.096: 20.76, 0.19: 20.64},
    "k4": {0.003: 20.69, 0.006: 20.95, 0.012: 21.1, 0.024: 21.22, 0.048: 21.17, 0.096: 21.0, 0.19: 20.73},
    "bilinear": {
        0.003: 20.12,
        0.006: 20.55,
        0.012: 20.77,
        0.024: 20.88,
        0.048: 20.84,
        0.06: 20.7,
        0.08: 10.4,
        0.19: 10.4,
    },
    "nearest": {0.003: 20.6, 0.006: 20.8, 0.012: 20.95, 0.024: 21.08, 0.048: 21.17, 0.096: 20.53, 0.19: 19.95},
}
VALIDATION = -0.14
# Trials, their lowest and highest rate, and seeds: as in `tuned_mnist.py`, with one seed fewer, and as in
# `super_resolve_mnist.py`, whose range is as wide and lies elsewhere.
NINE, SEVEN = (9, (6e-3, 1e-1), 8), (7, (6e-3, 1.2e-1), 9)


@dataclasses.dataclass(frozen=True)
class Noise:
    """Standard deviation of a run's PSNR in dB, and the share of its variance that all contenders have in common."""

    deviation: float = 0.1
    common: float = 0.4


# Measured in the decoder grids: deviations of 0.04 to 0.16 dB at one rate for all, 0.09 to 0.27 dB at tuned rates; 0.25
# to 0.59 of the variance in common. In those of other noise and of super-resolution 0.2 to 0.57 dB (median of a table's
# contenders), often with nothing in common.
NOISES = (Noise(0.06), Noise(), Noise(common=0.0), Noise(0.16), Noise(0.2))
NOISES += (Noise(0.3), Noise(0.3, common=0.0), Noise(0.57, common=0.0))


@functools.cache
def curve(name):
    rates, values = zip(*CURVES[name].items(), strict=True)
    return PchipInterpolator(np.log(rates), values, extrapolate=True)


class Objective:
    """The PSNR of every run of one simulation."""

    def __init__(self, number, curves, noise, gains=None):
        rng = np.random.default_rng([number, len(curves)])
        self.curves, self.noise = curves, noise
        self.gains = gains or [0.0] * len(curves)
        # Of trials and of finals: common to a seed, and each contender's own.
        self._common = rng.normal(size=(2, 20))
        self._own = rng.normal(size=(2, len(curves), 20))

    def psnr(self, cell):
        """On the validation images for a trial, on the test images for others."""
        contender, final = int(cell.contender[1:]), int(cell.trial is None)
        seed = cell.seed if final else cell.seed - 1000
        own = self._own[final, contender, seed if final else cell.trial]
        common, share = self._common[final, seed], self.noise.common
        noise = self.noise.deviation * (np.sqrt(share) * common + np.sqrt(1 - share) * own)
        value = float(curve(self.curves[contender])(np.log(cell.config.learning_rate)))
        return value + self.gains[contender] + noise + (0 if final else VALIDATION)


@pytest.fixture(params=[NINE, pytest.param(SEVEN, marks=pytest.mark.proof)], ids=["nine trials", "seven trials"])
def grid_of(request, settings, monkeypatch):
    """Number of contenders -> a grid that tunes as published grids do."""
    settings.tuning.trials, settings.tuning.fields.learning_rate, settings.seeds = request.param
    settings.reference = "c0"
    # The trials of a search are the same in every simulation.
    trials, made = tuning._trials, {}

    def made_once(some, templates, searches):
        key = len(some.contenders), str(searches)
        if key not in made:
            made[key] = trials(some, templates, searches)
        return made[key]

    monkeypatch.setattr(tuning, "_trials", made_once)

    def make(contenders):
        # They differ in a field that the objective does not read.
        settings.contenders = {f"c{i}": {"batch_size": 32 + i} for i in range(contenders)}
        return settings

    return make


def words(settings, finals, objective):
    """The verdict on each contender but the reference."""
    rows = [{"contender": cell.contender, "seed": cell.seed, "psnr": objective.psnr(cell)} for cell in finals]
    found = verdict.comparisons(rows, list(settings.contenders), [], "c0", PSNR, settings.margin, tuned=True)
    return [verdict.word(one, PSNR) for one in found.values()]


def simulate(settings, curves, noise, count, gains=None):
    """The words of the verdicts of some simulations of the whole protocol, which lie in memory."""
    templates = grid.expand(settings)
    for number in range(count):
        objective = Objective(number, curves, noise, gains)

        def found(cells, objective=objective):
            summaries = {cell: {"validation": {"psnr": objective.psnr(cell)}} for cell in cells}
            return Plan("simulated", settings, None, cells, {}, {}), summaries

        yield words(settings, tuning.search(settings, templates, found).finals(), objective)


def false_positives(settings, curves, noise, count):
    """In how many simulations any contender is called better or worse than the reference."""
    return sum(bool({"better", "worse"} & set(found)) for found in simulate(settings, curves, noise, count))


def shown(settings, curves, noise, count, gain):
    """In how many simulations the first other contender, which is better by a gain, is called better."""
    gains = [0.0, *[gain] * (len(curves) - 1)]
    return sum(found[0] == "better" for found in simulate(settings, curves, noise, count, gains))


def test_a_contender_tuned_twice_is_not_called_better_or_worse_than_itself(grid_of):
    """In at least 95 of 100 simulations. It would in about 17, if the best trial decided and any difference counted."""
    settings = grid_of(2)
    assert sum(false_positives(settings, [name] * 2, Noise(), 25) for name in CURVES) <= 5


def test_a_difference_of_three_margins_is_found(grid_of):
    assert shown(grid_of(2), ["k4"] * 2, Noise(), 20, 0.3) == 20


@pytest.mark.usefixtures("command")
def test_the_simulation_in_memory_gives_what_the_command_gives(grid_of, tmp_path, monkeypatch):
    settings, curves, noise = grid_of(3), ["k3", "nearest", "bilinear"], Noise()
    objective, said = Objective(0, curves, noise), []

    def launch(jobs, workdir, progress):
        for job in jobs:
            *trial, contender, seed = job.name.split(", ")
            number = int(trial[0].removeprefix("trial ")) if trial else None
            config, folder = config_of(job), job.log.parent
            cell = grid.Cell(contender, {}, int(seed.removeprefix("seed ")), config, trial=number)
            finish(folder, config, objective.psnr(cell))
            yield job, 0

    def report(plan, failures):
        read = {cell: files.read_json(folder / "summary.json") for cell, folder in plan.folders.items()}
        assert all(each["validation"]["psnr"] == objective.psnr(cell) for cell, each in read.items())
        said.extend(words(settings, plan.cells, objective))
        return "the report"

    monkeypatch.setattr(run, "_check_data", lambda plan: None)
    monkeypatch.setattr(run, "_launch", launch)
    run.run_grid("a grid", settings, tmp_path, report)
    assert said == next(simulate(settings, curves, noise, 1))


@pytest.mark.proof
@pytest.mark.parametrize("noise", NOISES, ids=str)
@pytest.mark.parametrize("name", CURVES)
def test_no_curve_and_no_noise_makes_a_contender_differ_from_itself(grid_of, name, noise):
    count = false_positives(grid_of(2), [name] * 2, noise, 200)
    print(f"\n{name}, {noise}: {count} of 200")
    # Where 5 % would be the truth, more than this is seen once in a thousand cases.
    assert count <= stats.binom.isf(1e-3, 200, 0.05)


@pytest.mark.proof
@pytest.mark.parametrize("noise", NOISES, ids=str)
@pytest.mark.parametrize("name", CURVES)
def test_no_curve_and_no_noise_makes_one_of_six_differ(grid_of, name, noise):
    count = false_positives(grid_of(7), [name] * 7, noise, 100)
    print(f"\n{name}, {noise}: {count} of 100")
    assert count <= stats.binom.isf(1e-3, 100, 0.05)


@pytest.mark.proof
@pytest.mark.parametrize("noise", NOISES, ids=str)
def test_contenders_of_different_curves_and_the_same_best_value_do_not_differ(grid_of, noise):
    settings, rates = grid_of(2), np.log(np.geomspace(6e-3, 0.15, 500))
    tops = {name: float(curve(name)(rates).max()) for name in CURVES}
    counts = []
    for one, other in itertools.combinations(CURVES, 2):
        found = simulate(settings, [one, other], noise, 100, [0.0, tops[one] - tops[other]])
        counts.append(sum(words[0] in ("better", "worse") for words in found))
    print(f"\n{noise}: {counts} of 100")
    assert sum(counts) <= stats.binom.isf(1e-3, 100 * len(counts), 0.05)


@pytest.mark.proof
@pytest.mark.parametrize("noise", NOISES, ids=str)
def test_a_difference_of_one_margin_is_not_called_equal(grid_of, noise):
    """And how often contenders that do not differ are called equal: seldom, which takes more seeds."""
    counts = {}
    for gain in (0.0, 0.1):
        found = [list(simulate(grid_of(2), [name] * 2, noise, 100, [0.0, gain])) for name in CURVES]
        counts[gain] = [sum(words[0] == "equal for practical use" for words in one) for one in found]
    print(f"\n{noise}: {counts} of 100")
    assert sum(counts[0.1]) <= stats.binom.isf(1e-3, 400, 0.05)


@pytest.mark.proof
@pytest.mark.parametrize("contenders", [2, 7])
@pytest.mark.parametrize("noise", [Noise(0.06), Noise(), Noise(0.16)], ids=str)
def test_how_often_a_difference_is_found(grid_of, noise, contenders):
    gains = (0.1, 0.2, 0.3)
    counts = [shown(grid_of(contenders), ["k4"] * contenders, noise, 100, gain) for gain in gains]
    print(f"\n{contenders} contenders, {noise}: {dict(zip(gains, counts, strict=True))} of 100")
    assert counts[0] <= counts[1] <= counts[2]


@pytest.mark.proof
@pytest.mark.parametrize(("smoothing", "share"), [(False, 0.0), (False, 0.5), (True, 0.0), (True, 0.5)])
def test_it_takes_both_smoothing_and_allowance(grid_of, monkeypatch, smoothing, share):
    """So that the other tests would notice without them."""
    if not smoothing:
        monkeypatch.setattr(choice, "smoothed", lambda points, results, *_: results)
    monkeypatch.setattr(verdict, "TUNING_SHARE", share)
    counts = {
        number: {name: false_positives(grid_of(number), [name] * number, Noise(), 100) for name in CURVES}
        for number in (2, 7)
    }
    found = {gain: shown(grid_of(2), ["k4"] * 2, Noise(), 100, gain) for gain in (0.1, 0.2, 0.3)}
    print(f"\nsmoothing {smoothing}, allowance of {share} margins: false {counts}, found {found} of 100")
    limit = stats.binom.isf(1e-3, 400, 0.05)
    if smoothing and share:
        assert max(sum(each.values()) for each in counts.values()) <= limit
    if not smoothing and not share:
        assert sum(counts[2].values()) > limit
