"""Glyphs: images drawn from fonts, the same every time, with separate font families for each split."""

import shutil

import numpy as np
import pytest
from PIL import ImageFont

from aeden.data import glyphs


@pytest.mark.parametrize("kind", ["letters", "digits"])
def test_shapes_labels_and_ink(kind):
    for split in glyphs.load(kind, limit=200).values():
        assert split.images.shape == (200, 28, 28, 1)
        assert split.images.dtype == np.uint8
        assert np.bincount(split.labels).tolist() == [20] * 10
        ink = split.images.mean(axis=(1, 2, 3)) / 255
        assert 0.02 < ink.min() < ink.max() < 0.6
        assert split.images.max() == 255


def test_a_limit_draws_the_first_images():
    few, more = glyphs.load("digits", limit=20), glyphs.load("digits", limit=50)
    for name in few:
        np.testing.assert_array_equal(few[name].images, more[name].images[:20])


def test_each_split_has_its_own_font_families():
    families = glyphs.split_families(glyphs.font_files(None))
    names = {
        split: {
            ImageFont.truetype(str(face), 12).getname()[0].split()[0].rstrip("0123456789")
            for faces in share
            for face in faces
        }
        for split, share in families.items()
    }
    assert all(names.values())
    files = [face for share in families.values() for faces in share for face in faces]
    assert len(files) == len(set(files)) == len(glyphs.MATPLOTLIB_FACES)
    assert not names["train"] & names["test"] or families_differ(families)


def families_differ(families):
    """Compares full family names: DejaVu Sans and DejaVu Sans Mono differ only in their last word."""
    full = {
        split: {ImageFont.truetype(str(face), 12).getname()[0] for faces in share for face in faces}
        for split, share in families.items()
    }
    return not full["train"] & full["test"] and not full["train"] & full["validation"]


def test_glyphs_from_a_folder_of_fonts(tmp_path):
    for face in glyphs.font_files(None)[:12]:
        shutil.copy(face, tmp_path)
    assert len(glyphs.load("letters", tmp_path, limit=10)["test"]) == 10


def test_too_few_fonts_and_unknown_kinds_are_refused(tmp_path):
    shutil.copy(glyphs.font_files(None)[0], tmp_path)
    with pytest.raises(ValueError, match="found 1"):
        glyphs.load("letters", tmp_path)
    with pytest.raises(ValueError, match="'runes'"):
        glyphs.load("runes")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        glyphs.load("letters", tmp_path / "nowhere")
