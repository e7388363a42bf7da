"""`aeden enlarge`: whatever images it is given, with a model that repeats pixels, and with a real run."""

import jax
import numpy as np
import pytest
import tifffile
from PIL import Image, TiffImagePlugin
from saved_images import save

from aeden.cli import restoring
from aeden.cli.main import main
from aeden.data.image_files import decode_image
from aeden.data.image_metadata import EXIF_FOLDERS, metadata_of
from aeden.inference.finished_run import load_enlarger
from aeden.inference.restorer import Restorer
from aeden.nn.restore import restore
from aeden.runtime import files

ORIENTATION, X_RESOLUTION, Y_RESOLUTION, GPS_DATE = 274, 282, 283, 29
WIDTH, HEIGHT, SENSOR_X, SENSOR_Y = 0xA002, 0xA003, 0xA20E, 0xA20F


def repeater(channels=1, scale=3):
    """A model that repeats each pixel."""

    def compute(images, level):
        return images.repeat(scale, 1).repeat(scale, 2)

    noise = {"kind": "gaussian", "level": 0.0}
    return Restorer("repeater", channels, 1, 4, noise, None, False, "edge", compute, scale=scale)


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs `aeden enlarge RUN ARGUMENTS` within a folder of its own, with the model `run.enlarger`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(restoring, "load_enlarger", lambda name: start.enlarger)

    def start(*arguments):
        return main(["enlarge", "RUN", *map(str, arguments)])

    start.enlarger = repeater()
    return start


def values(height=20, width=30, channels=1, dtype="uint8"):
    top = {"uint8": 255, "uint16": 65535, "float32": 1.0}[dtype]
    # Far enough from black and white for no bicubic mean to leave them: Pillow clips between its two passes.
    return (np.random.default_rng(height).uniform(0.3, 0.7, (height, width, channels)) * top).astype(dtype)


@pytest.mark.parametrize(("name", "dtype", "channels"), [("a.png", "uint16", 3), ("a.tif", "float32", 1)])
def test_an_image_keeps_its_kind_and_grows(run, tmp_path, capsys, name, dtype, channels):
    """In tiles that overlap, of which each pixel is taken from one."""
    pixels = values(50, 70, channels, dtype)
    save(tmp_path / name, pixels)
    assert run(name, "-o", "out/", "--tile", 20) == 0
    result = decode_image(tmp_path / "out" / name).pixels
    np.testing.assert_allclose(result, pixels.repeat(3, 0).repeat(3, 1), atol=1e-6)
    assert result.dtype == dtype
    colours = "colour, channel by channel" if channels == 3 else "gray"
    assert f"{name} -> out/{name}: 70 x 50 to 210 x 150, {colours}" in capsys.readouterr().out


def test_opacity_is_enlarged_by_pillow(run, tmp_path):
    alpha = values()[..., 0]
    save(tmp_path / "a.png", values(channels=3), alpha=alpha)
    assert run("a.png", "-o", "b.png") == 0
    expected = np.asarray(Image.fromarray(alpha).resize((90, 60), Image.Resampling.BICUBIC))
    np.testing.assert_allclose(decode_image(tmp_path / "b.png").alpha, expected, atol=1.0)


def test_colours_that_nobody_sees_do_not_reach_the_edge(run, tmp_path):
    """A white square on black that is transparent stays white, as it does by Pillow, which weighs colours by alpha."""
    alpha = np.zeros((20, 30), np.uint8)
    alpha[5:15, 10:20] = 255
    save(tmp_path / "a.png", alpha[..., None].repeat(3, 2), alpha=alpha)
    assert run("a.png", "-o", "b.png") == 0
    result = decode_image(tmp_path / "b.png")
    assert (result.pixels[result.alpha > 0] == 255).all()


def photo(path, orientation=1):
    """A JPEG as cameras write it, whose EXIF is that of a larger image."""
    exif = Image.Exif()
    exif[ORIENTATION], exif[X_RESOLUTION], exif[Y_RESOLUTION] = orientation, 100, 200
    own = exif.get_ifd(EXIF_FOLDERS[0])
    own[WIDTH], own[HEIGHT] = 4000, 3000
    own[SENSOR_X], own[SENSOR_Y] = TiffImagePlugin.IFDRational(3_648_000, 875), TiffImagePlugin.IFDRational(0, 0)
    exif.get_ifd(EXIF_FOLDERS[1])[GPS_DATE] = "2026:11:28"
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/' exif:PixelXDimension='4000' dc:format='image/jpeg'></x:xmpmeta>"
    Image.fromarray(values()[..., 0]).save(path, dpi=(100, 200), exif=exif, quality=95, xmp=xmp)


@pytest.mark.parametrize("orientation", [1, 6])
def test_metadata_state_the_new_size_and_print_it_as_before(run, tmp_path, orientation):
    photo(tmp_path / "a.jpg", orientation)
    assert run("a.jpg", "-o", "b.jpg") == 0
    after = decode_image(tmp_path / "b.jpg")
    height, width = (60, 90) if orientation == 1 else (90, 60)
    assert after.pixels.shape == (height, width, 1)
    assert after.info["dpi"] == ((300, 600) if orientation == 1 else (600, 300))
    tags = metadata_of(after, tmp_path / "b.jpg").exif_tags()
    own = tags[EXIF_FOLDERS[0]]
    assert (own[WIDTH], own[HEIGHT], tags[EXIF_FOLDERS[1]][GPS_DATE]) == (width, height, "2026:11:28")
    assert (tags[X_RESOLUTION], tags[Y_RESOLUTION]) == after.info["dpi"]
    assert float(own[SENSOR_X]) == pytest.approx(3 * 3_648_000 / 875)
    assert SENSOR_Y not in own
    assert b"PixelXDimension" not in after.info["xmp"]
    assert b"dc:format='image/jpeg'" in after.info["xmp"]


def test_a_description_by_which_programs_find_pixels_is_left_out(run, tmp_path):
    pixels = values(dtype="uint16")
    tifffile.imwrite(tmp_path / "a.tif", pixels[..., 0])
    assert run("a.tif", "-o", "b.tif") == 0
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert not file.pages.first.description
        assert file.series[0].shape == (60, 90)


def test_a_resolution_that_a_jpeg_cannot_state_is_left_out(run, tmp_path):
    Image.fromarray(values()[..., 0]).save(tmp_path / "a.jpg", dpi=(30_000, 30_000))
    assert run("a.jpg", "-o", "b.jpg") == 0
    assert "dpi" not in decode_image(tmp_path / "b.jpg").info


def test_every_page_of_a_tiff(run, tmp_path):
    pages = [values(20), values(30, channels=3), values(40, dtype="uint16")]
    save(tmp_path / "a.tif", *pages)
    assert run("a.tif", "-o", "b.tif") == 0
    for number, page in enumerate(pages):
        result = decode_image(tmp_path / "b.tif", frame=number)
        np.testing.assert_array_equal(result.pixels, page.repeat(3, 0).repeat(3, 1))


def test_the_comparison_has_the_bicubic_enlargement(run, tmp_path):
    pixels = values(channels=3)
    save(tmp_path / "a.png", pixels)
    assert run("a.png", "-o", "b.png", "--compare") == 0
    both = decode_image(tmp_path / "b.compare.png").pixels
    expected = np.asarray(Image.fromarray(pixels).resize((90, 60), Image.Resampling.BICUBIC))
    np.testing.assert_allclose(both[:, :90], expected, atol=1.0)
    np.testing.assert_array_equal(both[:, 90:], pixels.repeat(3, 0).repeat(3, 1))


def test_a_gray_image_stored_as_colour_and_one_that_fails(run, tmp_path, capsys):
    save(tmp_path / "a.png", values().repeat(3, 2))
    (tmp_path / "b.png").write_bytes(b"no image")
    assert run("a.png", "b.png", "-o", "out") == 1
    assert decode_image(tmp_path / "out" / "a.png").pixels.shape == (60, 90, 3)
    said = capsys.readouterr()
    assert "30 x 20 to 90 x 60, gray stored as colour" in said.out
    assert "1 enlarged, 1 failed: b.png" in said.out


def test_a_result_too_large_for_its_format_is_refused(run, tmp_path, capsys):
    run.enlarger = repeater(scale=4)
    save(tmp_path / "a.png", values(2, 20_000))
    assert run("a.png", "-o", "b.jpg") == 1
    assert "JPEG holds at most 65535 pixels on a side" in capsys.readouterr().err


# A real run


def test_a_finished_run_enlarges_in_tiles_as_its_network_does(enlarging_run, tmp_path):
    folder, model, params = enlarging_run
    pixels = values(37, 50, dtype="float32")
    save(tmp_path / "a.tif", pixels)
    assert main(["enlarge", str(folder), str(tmp_path / "a.tif"), "-o", str(tmp_path / "b.tif"), "--tile", "24"]) == 0
    result = decode_image(tmp_path / "b.tif").pixels
    whole = np.asarray(jax.jit(lambda images: restore(model, params, images))(pixels[None]))[0]
    assert whole.shape == (148, 200, 1)
    # Not the bicubic enlargement alone.
    bicubic = Image.fromarray(pixels[..., 0]).resize((200, 148), Image.Resampling.BICUBIC)
    assert np.abs(whole[..., 0] - np.clip(np.asarray(bicubic), 0, 1)).mean() > 0.005
    np.testing.assert_allclose(result, whole, atol=1e-5)


def test_runs_of_the_other_task_are_refused_in_one_line(enlarging_run, finished_run, tmp_path, capsys):
    save(tmp_path / "a.png", values())
    arguments = [str(tmp_path / "a.png"), "-o", str(tmp_path / "b.png")]
    assert main(["enlarge", str(finished_run), *arguments]) == 1
    assert "of the task denoise: take one of the task super_resolve; `aeden denoise` is" in capsys.readouterr().err
    assert main(["denoise", str(enlarging_run[0]), *arguments]) == 1
    assert "of the task super_resolve: take one of the task denoise; `aeden enlarge` is" in capsys.readouterr().err
    assert main(["enlarge", "text", *arguments]) == 1
    assert "text is a model that cleans images, with `aeden denoise`: name the folder" in capsys.readouterr().err
    assert main(["enlarge", str(tmp_path / "nowhere"), *arguments]) == 1
    assert "does not exist: name the folder of a finished run of super-resolution" in capsys.readouterr().err


@pytest.fixture
def altered(enlarging_run, tmp_path):
    """Loads the run after a change of its config and its summary."""
    folder, _, _ = enlarging_run
    (tmp_path / "checkpoints").symlink_to(folder / "checkpoints")

    def load(config=lambda config: None, **summary):
        record = files.read_json(folder / "config.json")
        config(record["config"])
        files.write_json(tmp_path / "config.json", record)
        files.write_json(tmp_path / "summary.json", {**files.read_json(folder / "summary.json"), **summary})
        return load_enlarger(str(tmp_path))

    return load


def narrower(config):
    config["super_resolve"]["factor"] = 3
    config["model"]["decoder_features"] = []


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            lambda config: config["super_resolve"].update(factor=5),
            r"cannot be built .*super_resolve\.factor",
        ),
        (lambda config: config["super_resolve"].pop("stages"), r"super_resolve\.stages is missing"),
        (lambda config: config.pop("super_resolve"), r"config\.json is damaged"),
        (narrower, r"does not fit its config\.json"),
    ],
)
def test_a_config_that_is_damaged_is_refused(altered, config, said):
    with pytest.raises(ValueError, match=said):
        altered(config)


@pytest.mark.parametrize(
    ("summary", "said"),
    [
        ({"task": ["super_resolve"]}, "a run of the task"),
        ({"super_resolve": {"factor": 2}}, "super_resolve is not the same in config.json and summary.json"),
        ({"tested_step": 4.0}, r"summary\.json is damaged"),
    ],
)
def test_a_summary_that_is_damaged_is_refused(altered, summary, said):
    with pytest.raises(ValueError, match=said):
        altered(**summary)
