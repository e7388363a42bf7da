"""The points that a grid's tuning tries, and how it widens a range."""

import math

import numpy as np
import pytest
from scipy.stats import qmc

from experiments.ablate import search_space

RATE = {"learning_rate": (1e-4, 1e-1)}
BOTH = {"learning_rate": (1e-4, 1e-1), "optimizer.weight_decay": (1e-5, 1e-2)}


def values(search, field="learning_rate"):
    return [point.values[field] for point in search.points]


def test_the_points_divide_the_range_evenly_on_a_logarithmic_scale():
    search = search_space.first_search(RATE, 7)
    steps = np.diff(np.log(sorted([1e-4, *values(search), 1e-1])))
    np.testing.assert_allclose(steps, math.log(1e3) / 8, rtol=0.02)  # values have three digits
    assert all(f"{x:.3g}" == f"{x:g}" for x in values(search))
    assert [point.seed for point in search.points] == list(range(7))


def test_several_fields_are_covered_better_than_by_random_points(rng):
    points = search_space.first_search(BOTH, 32).points
    logs = np.log10([[point.values[name] for name in BOTH] for point in points])
    unit = (logs - [-4, -5]) / 3
    random = [qmc.discrepancy(rng.uniform(size=(32, 2))) for _ in range(20)]
    assert qmc.discrepancy(unit) < min(random)


def test_a_longer_search_begins_with_the_shorter_one():
    few, many = (search_space.first_search(BOTH, trials) for trials in (6, 15))
    assert many.points[:6] == few.points
    ends = [("learning_rate", "highest")]
    few, many = (search_space.widen(one, ends, trials).points for one, trials in ((few, 6), (many, 15)))
    assert many[15:17] == few[6:]


def test_an_edge_is_the_lowest_or_the_highest_value_tried():
    points = [{"a": x, "b": y} for x, y in ((1.0, 3.0), (2.0, 1.0), (3.0, 2.0))]
    assert search_space.edges(points, points[0]) == {"a": "lowest", "b": "highest"}
    assert search_space.edges(points, {"a": 2.0, "b": 2.0}) == {}
    assert search_space.edges([{"a": 1.0}, {"a": 1.0}], {"a": 1.0}) == {}


@pytest.mark.parametrize(("side", "ends"), [("lowest", (1e-5, 1e-1)), ("highest", (1e-4, 1.0))])
def test_a_range_grows_by_a_third_with_a_third_of_the_trials(side, ends):
    search = search_space.widen(search_space.first_search(BOTH, 8), [("learning_rate", side)], 8)
    np.testing.assert_allclose(search.ranges["learning_rate"], ends)
    assert (len(search.points), search.widened) == (8 + 3, 1)
    added = values(search)[8:]
    # The old end too is tried.
    old, new = (1e-4, 1e-5) if side == "lowest" else (1e-1, 1.0)
    np.testing.assert_allclose(np.log(np.divide(added, old)) / np.log(new / old), [0, 0.5, 0.75], atol=0.01)
    assert all(1e-5 < x < 1e-2 for x in values(search, "optimizer.weight_decay"))
    again = search_space.widen(search, [("learning_rate", side)], 8)
    outer = (ends[0] / 10, ends[1]) if side == "lowest" else (ends[0], ends[1] * 10)
    np.testing.assert_allclose(again.ranges["learning_rate"], outer)


def test_an_integer_is_the_nearest_one_of_its_range():
    assert [search_space.integer(x, (2.4, 7.6)) for x in (2.41, 2.6, 4.4, 7.4, 7.59)] == [3, 3, 4, 7, 7]
    # Beyond the range it was widened.
    assert [search_space.integer(x, (2.4, 7.6)) for x in (0.2, 1.2, 2.2, 9.7)] == [1, 1, 2, 10]
    for x in search_space.first_search({"steps": (1234.4, 1239.6)}, 9).points:
        assert 1235 <= search_space.integer(x.values["steps"], (1234.4, 1239.6)) <= 1239


def test_a_range_without_an_integer_is_refused_for_integers():
    search_space.check_integer("optimizer.warmup_steps", (2.4, 3.0))
    with pytest.raises(ValueError, match=r"tuning\.fields\.optimizer\.warmup_steps=\(2\.4, 2\.6\): .* none in this"):
        search_space.check_integer("optimizer.warmup_steps", (2.4, 2.6))


def test_a_range_that_is_too_wide_to_search_is_refused(settings):
    settings.tuning.fields = {"learning_rate": (1e-300, 1e300)}
    with pytest.raises(ValueError, match=r"learning_rate=.*: a range covers a factor of 1e\+09 at most; narrow it"):
        search_space.ranges(settings)


def test_a_range_narrower_than_the_digits_of_values_is_refused(settings):
    settings.tuning.fields = {"learning_rate": (0.01, 0.010001)}
    with pytest.raises(ValueError, match=r"learning_rate=\(0\.01, 0\.010001\): values have 3 digits, .*; widen it"):
        search_space.ranges(settings)


@pytest.mark.parametrize("ends", [(1e-2, 1e-4), (0.0, 1.0), (1e-4,), 1e-3, ("a", "b"), (True, 2), (1e-4, float("inf"))])
def test_what_is_no_range_is_refused(settings, ends):
    settings.tuning.fields = {"learning_rate": ends}
    with pytest.raises(ValueError, match=r"learning_rate=.*a range is"):
        search_space.ranges(settings)
