"""Letters over textures: the same every time, the class of each pixel, fonts and photos split, cached once drawn."""

import dataclasses
import hashlib

import numpy as np
import PIL
import pytest
from PIL import Image, ImageDraw, features

from aeden.data import letters
from aeden.data.dataset import DatasetNotFound, hash_splits
from aeden.data.drawn_letters import letter_photos, letter_scene, letter_shapes, letter_textures
from aeden.data.drawn_pages import page_fonts
from aeden.data.drawn_pages.page_random import Dice
from aeden.data.sources import open_dataset
from aeden.data.splits import Split


@pytest.fixture(scope="module")
def faces():
    return page_fonts.find_faces(None)


@pytest.fixture(scope="module")
def shapes(faces):
    return letter_shapes.from_fonts(faces, letters.CHARACTERS)


@pytest.fixture
def counts(monkeypatch, tmp_path):
    """A cache of its own, and few images in all."""
    monkeypatch.setenv("AEDEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(letters, "COUNTS", {"train": 3, "validation": 1, "test": 2})
    return letters.COUNTS


@pytest.fixture
def photos(tmp_path, rng):
    """Ten photos, each of one gray value of its own."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(10):
        Image.new("L", (70, 64 + i), 20 * i).save(folder / f"{i}.png")
    return folder


def test_images_are_the_same_as_ever(shapes):
    """If this fails after a change of what is drawn, raise `letters.VERSION` and put the new hash here."""
    if (PIL.__version__, features.version("freetype2")) != ("13.0.0", "2.14.3"):
        pytest.skip("the hash is that of Pillow 13.0.0 with FreeType 2.14.3")
    digest = hashlib.sha256(bytes([letters.VERSION]))
    for index in range(20):
        for array in letters.draw_image(index, "train", shapes):
            digest.update(array.tobytes())
    assert digest.hexdigest()[:16] == "2e3456b3a80f6c63"


def test_an_image_is_decided_by_its_split_number_and_classes(faces, shapes):
    image, labels = letters.draw_image(3, "train", shapes)
    assert (image.shape, image.dtype, labels.shape, labels.dtype) == ((64, 64), np.uint8, (64, 64), np.uint8)
    again = letters.draw_image(3, "train", shapes)
    np.testing.assert_array_equal(image, again[0])
    np.testing.assert_array_equal(labels, again[1])
    xyz = letter_shapes.from_fonts(faces, "xyz")
    for other in ((4, "train", shapes), (3, "test", shapes), (3, "train", xyz)):
        assert (letters.draw_image(*other)[0] != image).any()
    assert letters.draw_image(3, "train", xyz)[1].max() <= 3


@pytest.mark.parametrize("turns", [0, 1, 2])
def test_a_letter_covers_what_pillow_draws(faces, turns):
    """Quarter turns need no interpolation, so that they are compared pixel by pixel."""
    face, size = faces.families["train"][0][0], 48
    letter = letter_shapes.font_letter(face, "G", 20.0)
    covered = letter_scene.coverage(letter, 90.0 * turns, (24.0, 24.0), size)
    capital = page_fonts.font(face, 200).getbbox("H")
    font = page_fonts.font(face, round(2 * 20.0 / ((capital[3] - capital[1]) / 200)))
    left, top, right, bottom = font.getbbox("G")
    large = Image.new("L", (2 * size, 2 * size))
    origin = (round(size - (right - left) / 2) - left, round(size - (bottom - top) / 2) - top)
    ImageDraw.Draw(large).text(origin, "G", fill=255, font=font)
    expected = np.rot90(np.asarray(large, float).reshape(size, 2, size, 2).mean((1, 3)) / 255, turns)
    # The middle of an odd number of pixels falls on one side or the other: both round.
    assert abs(covered.sum() / expected.sum() - 1) < 0.01
    centres = [np.array(np.nonzero(one >= 0.5)).mean(1) for one in (covered, expected)]
    np.testing.assert_allclose(*centres, atol=1.1)


def test_the_last_letter_lies_above(shapes, monkeypatch):
    """Each letter that is drawn takes the pixels it covers, and only these change; without grain, in its one tone."""
    classes, covered = [], []
    cover = letter_scene.coverage
    monkeypatch.setattr(letter_scene, "MOST_GRAIN", 0.0)
    monkeypatch.setattr(letter_scene, "coverage", lambda *given: covered.append(cover(*given)) or covered[-1])

    def choose(dice, k):
        classes.append(k + 1)
        return shapes.choose["validation"](dice, k)

    seen = dataclasses.replace(shapes, choose={"validation": choose})
    for index in range(8):
        classes.clear()
        covered.clear()
        image, labels = letters.draw_image(index, "validation", seen)
        expected = np.zeros((64, 64), np.uint8)
        for k, part in zip(classes, covered, strict=True):
            expected[part >= 0.5] = k
        np.testing.assert_array_equal(labels, expected)
        assert 1 <= len(classes) <= 4
        top = covered[-1] == 1.0
        assert np.ptp(image[top], axis=None).item() == 0 if top.any() else True


def test_letters_are_lighter_and_darker_and_of_several_sizes(shapes):
    both = [letters.draw_image(index, "train", shapes) for index in range(60)]
    lighter = [
        image[labels == k].mean() > image[labels == 0].mean()
        for image, labels in both
        for k in np.unique(labels[labels > 0])
    ]
    assert 0.25 < np.mean(lighter) < 0.75
    assert set(np.unique(np.stack([labels for _, labels in both]))) == set(range(11))
    background = np.mean([(labels == 0).mean() for _, labels in both])
    assert 0.75 < background < 0.95


def test_a_limit_draws_the_first_images_only_and_they_are_kept(counts, monkeypatch):
    drawn = []
    draw = letters.draw_image
    monkeypatch.setattr(letters, "draw_image", lambda index, *rest: drawn.append(index) or draw(index, *rest))
    few = open_dataset("letters", limit=1)
    assert drawn == [0] * 3
    open_dataset("letters", limit=1)
    assert drawn == [0] * 3
    whole = open_dataset("letters")
    assert len(drawn) == 9
    assert {name: len(getattr(whole, name)) for name in counts} == counts
    np.testing.assert_array_equal(few.train.images[0], whole.train.images[0])
    np.testing.assert_array_equal(few.train.pixel_labels[0], whole.train.pixel_labels[0])
    assert open_dataset("letters", limit=1).sha256 == few.sha256 != whole.sha256
    assert whole.train.classes == ("background", *"ABCDEFGHIJ")
    assert open_dataset("letters", limit=1, options={"characters": "01"}).train.classes == ("background", "0", "1")


def test_a_full_disk_costs_the_cache_only(counts, monkeypatch):
    def full(*_):
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(letters, "save_arrays", full)
        unsaved = open_dataset("letters")
    assert unsaved.notes == ("the images drawn are not kept for the next start: the disk is full",)
    kept = open_dataset("letters")
    assert kept.notes == ()
    assert kept.sha256 == unsaved.sha256


def test_the_hash_of_a_data_set_counts_the_labels_of_pixels(counts):
    data = open_dataset("letters")
    splits = {name: getattr(data, name) for name in counts}
    changed = splits["test"].pixel_labels.copy()
    changed[0, 0, 0] += 1
    other = {**splits, "test": dataclasses.replace(splits["test"], pixel_labels=changed)}
    assert hash_splits(splits) == data.sha256 != hash_splits(other)


def test_half_of_the_backgrounds_are_photos_of_their_split(photos):
    opened = letter_photos.open_photos(photos, 64)
    assert sorted(len(images) for images in opened.images.values()) != [0, 0, 10]
    hashes = [set(one) for one in opened.hashes.values()]
    assert sum(map(len, hashes)) == len(set.union(*hashes)) == 10
    tones = {int(image[0, 0]) for image in opened.images["train"]}
    flat = [letter_textures.background(Dice("x", i), 64, opened.images["train"]) for i in range(200)]
    plain = [one for one in flat if np.ptp(one) == 0]
    assert {int(one[0, 0]) for one in plain} <= tones
    assert 70 < len(plain) < 130


@pytest.fixture
def digits(rng):
    """Three splits of images of two classes: an upright bar, or a lying one that is twice as long as it is wide."""
    images = np.zeros((8, 28, 28, 1), np.uint8)
    images[::2, 4:24, 9:19] = 255
    images[1::2, 9:19, 4:24] = 255
    images[6] = 255  # shows no letter
    split = Split(images, np.arange(8, dtype=np.int32) % 2, ("0", "1"))
    return dict.fromkeys(("train", "validation", "test"), split)


def test_shapes_of_images_have_the_height_that_is_asked_for(digits):
    """Twenty rows of 28 become as many as are asked for, and the box around them decides nothing else."""
    pixels = digits["train"].images[0, ..., 0].copy()
    covered = letter_scene.coverage(letter_shapes.image_letter(pixels, 30.0), 0.0, (24.0, 24.0), 48)
    rows, columns = (np.flatnonzero((covered >= 0.5).any(axis)) for axis in (1, 0))
    # An odd number of pixels of twice the size ends in the middle of a pixel, which is then half covered.
    assert abs(np.ptp(rows) + 1 - 30) <= 1
    assert abs(np.ptp(columns) + 1 - 15) <= 1
    assert abs(covered.sum() - 30 * 15) < 10
    moved = np.roll(pixels, (3, -5), (0, 1))
    again = letter_scene.coverage(letter_shapes.image_letter(moved, 30.0), 0.0, (24.0, 24.0), 48)
    np.testing.assert_array_equal(covered, again)


def test_shapes_of_images_are_of_their_class(digits):
    """An upright bar is class 1, a lying one class 2, whatever the split; images that show no letter are left out."""
    shapes = letter_shapes.from_images(digits, "mnist", "01")
    for k in range(2):
        for number in range(20):
            image = shapes.choose["test"](Dice("x", number), k)(20.0)
            assert (image.height > image.width) == (k == 0)
    assert shapes.keys["train"] == letter_shapes.from_images(digits, "mnist", "01").keys["train"]


def test_a_character_that_a_data_set_lacks_is_refused(digits):
    with pytest.raises(ValueError, match=r"data.characters has 'A', and mnist has 0, 1: .* data.shapes=fonts"):
        letter_shapes.from_images(digits, "mnist", "0A")


@pytest.mark.parametrize(("source", "characters"), [("mnist", "0123456789"), ("notmnist", "ABCDEFGHIJ")])
def test_the_shapes_of_published_sets(real_data, source, characters):
    """Only where the data are."""
    shapes = letter_shapes.open_shapes(source, str(real_data), characters)
    for split in letters.COUNTS:
        drawn = [letters.draw_image(index, split, shapes, side=48)[1] for index in range(60)]
        assert set(np.unique(drawn)) == set(range(11))


def test_shapes_of_a_set_that_is_not_there(counts, tmp_path):
    with pytest.raises(DatasetNotFound, match="mnist"):
        open_dataset("letters", str(tmp_path), options={"shapes": "mnist", "characters": "01"})


@pytest.mark.parametrize("side", [32, 100])
def test_the_side_of_the_images(counts, shapes, side):
    found = open_dataset("letters", options={"side": side})
    assert found.train.images.shape == (3, side, side, 1)
    image, labels = letters.draw_image(1, "train", shapes, side=side)
    np.testing.assert_array_equal(found.train.images[1, ..., 0], image)
    np.testing.assert_array_equal(found.train.pixel_labels[1], labels)


def test_photos_that_are_nowhere_are_named(tmp_path):
    with pytest.raises(OSError, match=r"no image folder or archive .*nowhere: correct data\.photos"):
        open_dataset("letters", options={"photos": str(tmp_path / "nowhere")})


def test_photos_change_the_images(counts, photos):
    with_photos = open_dataset("letters", options={"photos": str(photos)})
    without = open_dataset("letters")
    assert with_photos.sha256 != without.sha256
    assert (with_photos.train.images != without.train.images).any()


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"characters": ""}, "data.characters is empty"),
        ({"characters": "AÄ"}, "data.characters 'AÄ' has 'Ä': use letters"),
        ({"characters": "ABA"}, "has 'A' twice"),
        ({"shapes": "emnist"}, "unknown data.shapes 'emnist': use one of fonts, mnist, notmnist"),
    ],
)
def test_classes_that_cannot_be_drawn_are_refused(counts, options, match):
    with pytest.raises(ValueError, match=match):
        open_dataset("letters", options=options)


def test_fonts_and_photos_that_are_missing_or_do_not_fit_are_named(counts, photos, tmp_path):
    (tmp_path / "fonts").mkdir()
    with pytest.raises(ValueError, match="fonts of at least three families are needed"):
        open_dataset("letters", str(tmp_path / "fonts"))
    with pytest.raises(FileNotFoundError, match="gone"):
        open_dataset("letters", options={"photos": str(tmp_path / "gone")})
    (photos / "broken.png").write_bytes(b"x")
    assert any("broken.png" in note for note in open_dataset("letters", options={"photos": str(photos)}).notes)
    Image.new("L", (63, 100)).save(photos / "small.png")
    with pytest.raises(
        ValueError, match=r"small.png of .* has 100 x 63 pixels, less than an image of letters, 64 x 64"
    ):
        open_dataset("letters", options={"photos": str(photos)})
    (tmp_path / "two").mkdir()
    for i in range(2):
        Image.new("L", (64, 64), i).save(tmp_path / "two" / f"{i}.png")
    with pytest.raises(ValueError, match=r"data.photos=.*2 different images cannot be divided"):
        open_dataset("letters", options={"photos": str(tmp_path / "two")})
