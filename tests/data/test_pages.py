"""Pages drawn from fonts: the same every time, with separate font families for each split, cached once drawn."""

import hashlib
import os
import shutil

import numpy as np
import PIL
import pytest
from PIL import ImageFont, features

from aeden.data import glyphs, pages
from aeden.data.drawn_pages import page_fonts, page_scenes
from aeden.data.drawn_pages.page_random import Dice
from aeden.data.sources import open_dataset


@pytest.fixture
def counts(monkeypatch, tmp_path):
    """A cache of its own, and few pages in all."""
    monkeypatch.setenv("AEDEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(pages, "COUNTS", {"train": 3, "validation": 1, "test": 2})
    return pages.COUNTS


def test_a_page_is_decided_by_its_split_number_and_size():
    page = pages.draw_page(3, 96, 128, "train")
    assert (page.shape, page.dtype) == ((96, 128, 1), np.uint8)
    np.testing.assert_array_equal(page, pages.draw_page(3, 96, 128, "train"))
    for other in (pages.draw_page(4, 96, 128, "train"), pages.draw_page(3, 96, 128, "test")):
        assert (page != other).any()


def test_pages_are_the_same_as_ever():
    """If this fails after a change of what is drawn, raise `pages.VERSION` and put the new hash here."""
    if (PIL.__version__, features.version("freetype2")) != ("13.0.0", "2.14.3"):
        pytest.skip("the hash is that of Pillow 13.0.0 with FreeType 2.14.3")
    digest = hashlib.sha256(pages.SIZE.to_bytes(2, "big") + bytes([pages.VERSION]))
    for index in range(4):
        digest.update(pages.draw_page(index, split="train").tobytes())
    assert digest.hexdigest()[:16] == "db5a64deea230b34"


@pytest.mark.parametrize("scene", page_scenes.SHARES)
def test_every_scene_has_ink_and_paper(scene, monkeypatch):
    monkeypatch.setattr(pages, "SCENES", {scene: 1.0})
    drawn = [pages.draw_page(index, 160, 160, split) for index in range(2) for split in ("train", "validation")]
    spans = [int(page.max()) - int(page.min()) for page in drawn]
    assert np.median(spans) > 100
    assert len({page.tobytes() for page in drawn}) == len(drawn)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (33, 200), (700, 500)])
def test_pages_of_any_size(height, width):
    assert pages.draw_page(1, height, width).shape == (height, width, 1)


def test_no_font_family_is_in_two_splits(tmp_path):
    families = page_fonts.find_faces(None).families
    names = {
        split: {ImageFont.truetype(face, 12).getname()[0] for family in share for face in family}
        for split, share in families.items()
    }
    assert all(names.values())
    assert (
        not names["train"] & names["test"] | names["train"] & names["validation"] | names["validation"] & names["test"]
    )
    for split, share in families.items():
        faces = {face for family in share for face in family}
        for number in range(10):
            theme = page_scenes.make_theme(Dice("theme", number), "article", share)
            assert {theme.body, theme.strong, theme.slanted, theme.heading, theme.code} <= faces, split


def test_a_limit_draws_the_first_pages_only(counts, monkeypatch):
    drawn = []
    draw = pages.draw_page
    monkeypatch.setattr(pages, "draw_page", lambda index, **named: drawn.append(index) or draw(index, **named))
    few = open_dataset("pages", limit=1)
    assert drawn == [0] * 3
    assert [len(split) for split in (few.train, few.validation, few.test)] == [1, 1, 1]
    whole = open_dataset("pages")
    assert len(drawn) == 3 + sum(counts.values())
    np.testing.assert_array_equal(few.train.images, whole.train.images[:1])
    np.testing.assert_array_equal(whole.test.images[1], draw(1, split="test"))
    assert whole.image_shape == (256, 256, 1)
    assert whole.train.labels is None
    # From now on nothing is drawn, and a limit is a part of what is there.
    again, part = open_dataset("pages"), open_dataset("pages", limit=1)
    assert len(drawn) == 3 + sum(counts.values())
    assert (again.sha256, part.sha256) == (whole.sha256, few.sha256)


def test_pages_that_cannot_be_kept_are_used_all_the_same(counts, monkeypatch):
    def full(*_):
        raise OSError("No space left on device")

    kept = open_dataset("pages", limit=1)
    monkeypatch.setattr(pages, "save_arrays", full)
    shutil.rmtree(pages.cache_folder() / "arrays")
    data = open_dataset("pages", limit=1)
    assert data.sha256 == kept.sha256
    assert "No space left on device" in data.notes[0]


@pytest.fixture
def fonts(tmp_path):
    folder = tmp_path / "fonts"
    folder.mkdir()
    for face in glyphs.font_files(None)[:12]:
        shutil.copy(face, folder)
    return folder


def test_a_folder_of_fonts(fonts, counts):
    (fonts / "broken.ttf").write_bytes(b"no font")
    os.truncate(shutil.copy(fonts / "DejaVuSans.ttf", fonts / "half.ttf"), 1000)
    symbols = glyphs.font_files(None)[0].with_name("STIXSizOneSymReg.ttf")
    shutil.copy(symbols, fonts)
    data = open_dataset("pages", str(fonts), limit=1)
    assert data.notes == (
        "3 of 15 font files were left out, damaged or without the letters: STIXSizOneSymReg.ttf, broken.ttf, half.ttf",
    )
    # DejaVu alone: other fonts for each split than with all fonts of matplotlib.
    assert (data.train.images != open_dataset("pages", limit=1).train.images).any()


def test_wrong_arguments_are_refused_in_one_line(fonts, tmp_path):
    for face in fonts.glob("DejaVuS*[!o]*.ttf"):
        if "Mono" in face.name or "Serif" in face.name:
            face.write_bytes(b"")
    with pytest.raises(ValueError, match=r"three families.*found 1 in .*fonts; 8 of 12 font files were left out"):
        open_dataset("pages", str(fonts), limit=1)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        pages.draw_page(0, font_folder=tmp_path / "nowhere")
    with pytest.raises(ValueError, match="'dev'"):
        pages.draw_page(0, split="dev")
    with pytest.raises(ValueError, match="page -1"):
        pages.draw_page(-1)
    with pytest.raises(ValueError, match="31 x 256"):
        pages.draw_page(0, height=31)
