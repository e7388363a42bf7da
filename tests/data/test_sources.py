"""Opening data sets by name: glyphs as the fallback, limits, and errors."""

import time

import numpy as np
import pytest

from aeden.data import published, sources
from aeden.data.dataset import DatasetNotFound
from aeden.data.sources import open_dataset


@pytest.mark.parametrize(("requested", "used"), [("mnist", "glyphs/digits"), ("notmnist", "glyphs/letters")])
def test_glyphs_replace_a_missing_set_within_seconds(tmp_path, requested, used):
    began = time.monotonic()
    data = open_dataset(requested, str(tmp_path), limit=50)
    assert time.monotonic() - began < 2 * published.PROBE_SECONDS
    assert (data.name, data.is_fallback, len(data.train)) == (used, True, 50)
    assert data.describe()["label_noise"] is None
    assert str(tmp_path) in data.notes[0]


def test_without_a_fallback_the_remedies_are_listed(tmp_path):
    with pytest.raises(DatasetNotFound, match=r"four IDX files.*--config.data.dir=FOLDER or AEDEN_DATA=FOLDER"):
        open_dataset("mnist", str(tmp_path), fallback="")
    with pytest.raises(DatasetNotFound, match=r"notMNIST_large.tar.gz and notMNIST_small.tar.gz"):
        open_dataset("notmnist/large", str(tmp_path), fallback="")


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("mnits",), "unknown data set 'mnits'"),
        (("mnist/3.0.1",), "data.name 'mnist/3.0.1' has a version: use 'mnist'"),
        (("notmnist/small/1.0.0",), "has a version: use 'notmnist/small'"),
        (("../mnist",), "unknown data set"),
        (("/etc",), "unknown data set"),
        (("notmnist/medium",), "unknown data set 'notmnist/medium'"),
        (("glyphs/runes",), "unknown data set 'glyphs/runes': not one of mnist, notmnist/small"),
        (("mnist", "/does/not/exist"), "/does/not/exist"),
        (("folder",), "data.dir"),
        (("mnist", "", "glyph"), "'glyph'"),
        (("glyphs", "", "", -1), "-1 is negative"),
    ],
)
def test_errors_name_the_wrong_argument(arguments, match):
    with pytest.raises((ValueError, FileNotFoundError), match=match):
        open_dataset(*arguments)


def test_a_limit_selects_the_first_examples_of_each_split(image_folder):
    whole, few = open_dataset("folder", str(image_folder)), open_dataset("folder", str(image_folder), limit=7)
    np.testing.assert_array_equal(few.train.images, whole.train.images[:7])
    assert whole.sha256 != few.sha256


def test_every_source_has_a_known_fallback():
    for name, source in sources.SOURCES.items():
        assert source.fallback in ("", *sources.SOURCES), name
    assert set(sources.ALIASES.values()) <= set(sources.SOURCES)
    assert not set(sources.ALIASES) & set(sources.SOURCES)


def test_an_unknown_name_has_no_fallback(tmp_path):
    for name in ("notmnist/medium", "mnist/plus"):
        with pytest.raises(DatasetNotFound, match=f"unknown data set '{name}'"):
            open_dataset(name, str(tmp_path), fallback="glyphs")
