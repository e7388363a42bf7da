"""What the demo computes, without Gradio."""

import html.parser

import numpy as np
import pytest
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from aeden.data.image_files import ImageError
from aeden.demo.cards import DIFFERENCE, difference_colours, error_html, spectrum_colours, to_html
from aeden.demo.comparison import LONGEST, NONE, add_noise, compare, first_noise, fit, shrink
from aeden.demo.examples import EXAMPLES
from aeden.demo.sources import DRAWING, FILE, UPLOAD, get_image
from aeden.inference.restorer import Restorer

NOISE = {"kind": "gaussian", "level": 0.1, "level_max": 0.3, "clip": True}


def halver(channels=1, size=None, told=None, kind="gaussian"):
    """A restorer that halves its images, and keeps the levels it is told in `told`."""

    def compute(images, level):
        if told is not None:
            told.append(level)
        return images / 2

    noise = NOISE | {"kind": kind}
    return Restorer("halver", channels, 4, 8, noise, size, told is not None, "edge", compute)


@pytest.fixture
def image(rng):
    return rng.uniform(0.2, 0.8, (24, 36, 3)).astype(np.float32)


def test_each_run_is_compared_with_the_clean_image(image):
    cards = compare({"a": halver(), "b": halver(channels=3)}, image, "gaussian", 0.2, seed=1)
    noisy = add_noise(image, "gaussian", 0.2, seed=1)
    assert [card.title for card in cards] == ["Clean", "Noisy", "a", "b"]
    assert cards[1].caption == f"PSNR {peak_signal_noise_ratio(image, noisy, data_range=1):.2f} dB"
    for card in cards[2:]:
        np.testing.assert_allclose(card.image, noisy / 2, atol=1e-6)
        np.testing.assert_allclose(card.difference, (noisy / 2 - image).mean(axis=2), atol=1e-6)
        assert f"PSNR {peak_signal_noise_ratio(image, noisy / 2, data_range=1):.2f} dB" in card.caption
    assert "each colour channel by itself" in cards[2].caption
    assert "channel" not in cards[3].caption
    centred = noisy - noisy.mean(axis=(0, 1))
    power = (abs(np.fft.fft2(centred, axes=(0, 1))) ** 2).mean(axis=2) / (24 * 36)
    power[0, 0] = 0
    known = np.fft.fftshift(power) > 0
    np.testing.assert_allclose(cards[1].spectrum[known], np.log10(np.fft.fftshift(power)[known]), atol=1e-3)


def test_without_noise_the_image_is_restored_as_it_is(image):
    cards = compare({"a": halver(channels=3)}, image, NONE, 0.2, seed=0)
    assert [card.title for card in cards] == ["Your image", "a"]
    np.testing.assert_array_equal(cards[0].image, image)
    np.testing.assert_allclose(cards[1].image, image / 2)
    assert all("PSNR" not in card.caption for card in cards)


def test_noise_is_that_of_its_seed_and_stays_in_range(image):
    first = add_noise(image, "gaussian", 0.5, seed=0)
    np.testing.assert_array_equal(first, add_noise(image, "gaussian", 0.5, seed=0))
    assert (first != add_noise(image, "gaussian", 0.5, seed=1)).mean() > 0.5
    assert first.min() == 0
    assert first.max() == 1
    with pytest.raises(ValueError, match="noise level 2 is out of range"):
        add_noise(image, "masking", 2.0, seed=0)


def test_a_run_of_one_size_gets_the_middle_of_the_image(image):
    np.testing.assert_allclose(fit(image, (12, 12)), image[:, 6:30].reshape(12, 2, 12, 2, 3).mean((1, 3)), atol=1e-6)
    np.testing.assert_array_equal(fit(image, (24, 36)), image)
    card = compare({"dense": halver(size=(12, 12))}, image, "gaussian", 0.1, seed=0)[-1]
    assert card.image.shape == (12, 12, 3)
    assert "at 12 x 12 pixels, the only size of this run" in card.caption
    assert "; noisy: " in card.caption


def test_a_run_is_told_the_chosen_level_or_the_estimate(image):
    told = []
    compare({"a": halver(told=told)}, image[:, :, :1], "gaussian", 0.2, seed=0)
    assert told == [0.2]
    compare({"a": halver(told=told)}, image[:, :, :1], NONE, 0.2, seed=0)
    assert 0.05 < told[1] < 0.4


@pytest.mark.parametrize(
    ("kind", "trained", "said"),
    [
        ("blocks", "gaussian", "; trained on gaussian noise"),
        ("gaussian", "salt_and_pepper", "; trained on salt and pepper noise"),
        ("gaussian", "gaussian", ""),
        ("gaussian", "unknown", ""),
        (NONE, "gaussian", ""),
    ],
)
def test_a_run_that_was_trained_on_another_noise_says_so(image, kind, trained, said):
    card = compare({"a": halver(channels=3, kind=trained)}, image, kind, 0.2, seed=0)[-1]
    assert card.caption.partition("; trained")[1:] == said.partition("; trained")[1:]


def test_a_run_that_cannot_restore_the_image_does_not_stop_the_others(image):
    runs = {"a": halver(told=[], kind="poisson"), "b": halver(told=[]), "c": halver()}
    cards = compare(runs, image[:9, :9], NONE, 0.2, seed=0)
    assert cards[1].caption.startswith("error: this run is told the level of poisson noise")
    assert cards[2].caption.startswith("error: the image is too small for an estimate")
    assert cards[3].image is not None
    assert "error: this run" in to_html(cards)


def test_the_page_starts_with_the_noise_of_the_first_run():
    assert first_noise({"a": halver(), "b": halver(kind="poisson")}) == ("gaussian", 0.2)
    assert first_noise({"a": halver(kind="unknown")})[0] == NONE


def test_an_image_comes_from_an_example_a_file_or_a_drawing(tmp_path):
    for name in EXAMPLES:
        image = get_image(name, None, None, 28, False)
        assert image.dtype == np.float32
        assert max(image.shape[:2]) == 28
        assert image.std() > 0.1
    pixels = np.arange(0, 60000, 100, np.uint16).reshape(20, 30)
    Image.fromarray(pixels).save(tmp_path / "deep.png")
    image = get_image(FILE, str(tmp_path / "deep.png"), None, 0, True)
    np.testing.assert_allclose(image[..., 0], 1 - pixels / 65535, atol=1e-6)
    board = np.zeros((8, 8, 4), np.uint8)
    board[2:4, :, 3] = 255
    drawn = get_image(DRAWING, None, {"composite": board}, 0, False)[..., 0]
    np.testing.assert_array_equal(drawn, np.where(board[..., 3] > 0, 0.0, 1.0))
    assert shrink(np.zeros((10, 2000, 1), np.float32), LONGEST).shape == (3, 512, 1)


def test_what_is_no_image_is_refused_in_one_line(tmp_path):
    (tmp_path / "text.png").write_text("no image")
    Image.new("1", (UPLOAD.pixels // 1000 + 1, 1000)).save(tmp_path / "large.png")
    for source, file, drawing, said in [
        (FILE, None, None, "no file was chosen"),
        (FILE, "text.png", None, "neither a PNG"),
        (FILE, "large.png", None, "more than 30,000,000"),
        (DRAWING, None, None, "nothing was drawn"),
        (DRAWING, None, {"composite": np.full((4, 4, 4), 255, np.uint8)}, "nothing was drawn"),
    ]:
        with pytest.raises(ImageError, match=said) as error:
            get_image(source, file and str(tmp_path / file), drawing, 0, False)
        assert "\n" not in str(error.value)


def test_the_cards_are_described_and_names_are_text(image):
    class Parser(html.parser.HTMLParser):
        def __init__(self):
            super().__init__()
            self.images, self.tags = [], set()

        def handle_starttag(self, tag, attributes):
            self.tags.add(tag)
            if tag == "img":
                self.images.append(dict(attributes))

    parser = Parser()
    parser.feed(to_html(compare({'<script>"': halver()}, image, "gaussian", 0.1, seed=0)) + error_html("<script>"))
    assert "script" not in parser.tags
    assert len(parser.images) == 2 + 3 + 3
    assert len({one["alt"] for one in parser.images}) == 8
    assert parser.images[-1]["alt"] == '<script>": spectrum'


def test_colours():
    red, white, blue = difference_colours(np.array([[DIFFERENCE, 0.0, -DIFFERENCE]]))[0]
    assert red[0] > red[2]
    assert white.min() > 0.95
    assert blue[2] > blue[0]
    dark, bright = spectrum_colours(np.array([[-9.0, 1.0]]), 1.0)[0].sum(axis=1)
    assert dark < 0.1 < 2 < bright
