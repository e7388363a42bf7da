"""The random-effects summary against published examples, and against the t-test where it must agree."""

import numpy as np
import pytest
from scipy import stats

from aeden.measures.random_effects import pool

# Konstantopoulos (2011), Research Synthesis Methods 2, 61-76: effects and variances of 56 schools, by district.
DISTRICTS = {
    11: "-.18 .118 -.22 .118 .23 .144 -.30 .144",
    12: ".13 .014 -.26 .014 .19 .015 .32 .024",
    18: ".45 .023 .38 .043 .29 .012",
    27: ".16 .020 .65 .004 .36 .004 .60 .007",
    56: ".08 .019 .04 .007 .19 .005 -.06 .004",
    58: "-.18 .020 0 .018 0 .019 -.28 .022 -.04 .020 -.30 .021 .07 .006 0 .007 .05 .007 -.08 .007 -.09 .007",
    71: ".30 .015 .98 .011 1.19 .010",
    86: "-.07 .001 -.05 .001 -.01 .001 .02 .001 -.03 .001 0 .001 .01 .001 -.10 .001",
    91: ".50 .010 .66 .011 .20 .010 0 .009 .05 .013 .07 .013",
    108: "-.52 .031 .70 .031 -.03 .030 .27 .030 -.34 .030",
    644: ".12 .087 .61 .082 .04 .067 -.05 .067",
}
# Colditz et al. (1994): tuberculosis with and without vaccine, (ill, well) each, in 13 trials.
BCG = """4 119 11 128  6 300 29 274  3 228 11 209  62 13536 248 12619  33 5036 47 5761  180 1361 372 1079  8 2537 10 619
505 87886 499 87892  29 7470 45 7232  17 1699 65 1600  186 50448 141 27197  5 2493 3 2338  27 16886 29 17825"""


@pytest.fixture
def schools():
    members = {district: np.array(text.split(), float).reshape(-1, 2) for district, text in DISTRICTS.items()}
    values = np.concatenate(list(members.values()))
    return values[:, 0], np.sqrt(values[:, 1]), [district for district, rows in members.items() for _ in rows]


def test_three_levels_agree_with_published_figures(schools):
    """REML figures of R's metafor for the data of Konstantopoulos: rma.mv(yi, vi, random = ~ 1 | district/study)."""
    found = pool(*schools)
    assert (found.effects, found.groups) == (56, 11)
    assert found.mean == pytest.approx(0.185, abs=5e-4)
    assert (found.between**2, found.within**2) == (pytest.approx(0.065, abs=5e-4), pytest.approx(0.033, abs=5e-4))
    t = stats.t.ppf(0.975, 10)
    assert found.high - found.mean == pytest.approx(t * 0.0846, rel=1e-3)
    predicted = t * np.sqrt(0.0846**2 + 0.0651 + 0.0327)
    assert found.predicted_high - found.mean == pytest.approx(predicted, rel=1e-3)


def test_two_levels_agree_with_published_figures(schools):
    """Table 4 of Konstantopoulos (2011), with the interval of Hartung & Knapp."""
    found = pool(*schools[:2])
    assert found.mean == pytest.approx(0.128, abs=5e-4)
    assert (found.between**2, found.within) == (pytest.approx(0.088, abs=5e-4), 0.0)


def test_hartung_and_knapp_agree_with_metafor():
    """rma(measure="RR", ..., data=dat.bcg, test="knha")."""
    ill, well, ill_without, well_without = np.array(BCG.split(), float).reshape(-1, 4).T
    effects = np.log(ill / (ill + well) / (ill_without / (ill_without + well_without)))
    variances = 1 / ill - 1 / (ill + well) + 1 / ill_without - 1 / (ill_without + well_without)
    found = pool(effects, np.sqrt(variances))
    assert (found.mean, found.low, found.high) == pytest.approx((-0.7145, -1.1084, -0.3206), abs=1e-4)
    assert found.between**2 == pytest.approx(0.3132, abs=1e-4)


def test_equal_errors_give_the_interval_of_the_t_test():
    """With equal errors the method of Hartung & Knapp is the one-sample t-test, however large the errors."""
    effects = np.array([0.3, -0.1, 0.9, 0.4, 1.1])
    found, expected = pool(effects, np.full(5, 0.2)), stats.ttest_1samp(effects, 0.0).confidence_interval()
    assert (found.mean, found.low, found.high) == pytest.approx((effects.mean(), *expected), rel=1e-5)
    assert found.between**2 == pytest.approx(effects.var(ddof=1) - 0.2**2, rel=1e-4)


def test_it_is_never_narrower_than_the_errors_allow():
    """Effects that agree better than their errors: no heterogeneity, and the interval of the common mean."""
    found = pool([1.0, 1.01, 0.99], [0.3, 0.3, 0.3])
    assert found.between == pytest.approx(0.0, abs=1e-4)
    assert found.high - found.mean == pytest.approx(stats.t.ppf(0.975, 2) * 0.3 / np.sqrt(3), rel=1e-5)


def test_groups_of_one_setting_are_no_groups():
    effects, errors = [0.3, -0.1, 0.9, 0.4], [0.2, 0.1, 0.3, 0.2]
    assert pool(effects, errors, ["a", "b", "c", "d"]) == pool(effects, errors)


@pytest.mark.parametrize("groups", [None, ["a"]])
def test_one_setting_says_nothing_about_others(groups):
    found = pool([0.5], [0.1], groups)
    assert (found.mean, found.low, found.predicted_high) == (0.5, -np.inf, np.inf)
    assert pool([0.5, 0.7], [0.1, 0.1], ["a", "a"]).high == np.inf


@pytest.mark.parametrize(
    ("effects", "errors", "groups", "said"),
    [
        ([], [], None, "one error and one group per effect"),
        ([1.0], [0.1, 0.1], None, "one error"),
        ([1.0, 2.0], [0.1, 0.1], ["a"], "one group"),
        ([1.0, 2.0], [0.1, 0.0], None, "standard error is 0"),
        ([1.0, np.nan], [0.1, 0.1], None, "a value is nan"),
    ],
)
def test_what_cannot_be_summarised_is_refused(effects, errors, groups, said):
    with pytest.raises(ValueError, match=said):
        pool(effects, errors, groups)
