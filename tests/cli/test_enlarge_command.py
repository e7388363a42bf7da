"""`aeden enlarge`: whatever images it is given, with a model that repeats pixels, and with a real run."""

import jax
import numpy as np
import pytest
from PIL import Image
from saved_images import save

from aeden.cli import restoring
from aeden.cli.main import main
from aeden.data.image_files import decode_image
from aeden.data.image_metadata import EXIF_FOLDERS, metadata_of
from aeden.inference.finished_run import load_enlarger
from aeden.inference.restorer import Restorer
from aeden.nn.parameters import make_init
from aeden.nn.restore import restore
from aeden.runtime import files
from aeden.tasks.super_resolve.model_from_config import build_super_resolver
from aeden.training.checkpoints import Checkpoints
from configs import super_resolve_photos

RESOLUTION, WIDTH, GPS_DATE = 282, 0xA002, 29


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


def test_it_is_as_large_when_printed_and_metadata_state_the_new_size(run, tmp_path):
    exif = Image.Exif()
    exif[RESOLUTION] = 150.0
    exif.get_ifd(EXIF_FOLDERS[0])[WIDTH] = 30
    exif.get_ifd(EXIF_FOLDERS[1])[GPS_DATE] = "2026:11:28"
    Image.fromarray(values()[..., 0]).save(tmp_path / "a.jpg", dpi=(150, 150), exif=exif, quality=95)
    assert run("a.jpg", "-o", "b.jpg") == 0
    after = decode_image(tmp_path / "b.jpg")
    assert after.pixels.shape == (60, 90, 1)
    assert after.info["dpi"] == (450, 450)
    tags = metadata_of(after, tmp_path / "b.jpg").exif_tags()
    assert (tags[RESOLUTION], tags[EXIF_FOLDERS[0]][WIDTH], tags[EXIF_FOLDERS[1]][GPS_DATE]) == (450, 90, "2026:11:28")


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


@pytest.fixture(scope="module")
def enlarging_run(tmp_path_factory):
    """The folder of a run of super-resolution as a finished run leaves it, its network and parameters."""
    config, folder = super_resolve_photos.get_config(), tmp_path_factory.mktemp("runs") / "run"
    config.model.features, config.model.decoder_features = (4, 4), (4, 6)
    config.model.decoder, config.super_resolve.factor = "transpose", 4
    model = build_super_resolver(config, (24, 24, 1))
    params = jax.tree.map(lambda leaf: 2 * leaf, make_init(model, (6, 6, 1))(jax.random.key(0)))
    checkpoints = Checkpoints(folder / "checkpoints")
    checkpoints.save(4, {"params": params})
    checkpoints.close()
    files.write_json(folder / "config.json", {"config": config.to_dict(), "dataset": {}})
    files.write_json(folder / "summary.json", {"task": config.task, "tested_step": 4})
    return folder, model, params


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
    assert main(["enlarge", str(tmp_path / "nowhere"), *arguments]) == 1
    assert "does not exist: name the folder of a finished run of super-resolution" in capsys.readouterr().err


def test_a_recorded_value_out_of_range_is_refused(enlarging_run, tmp_path):
    folder, _, _ = enlarging_run
    record = files.read_json(folder / "config.json")
    record["config"]["super_resolve"]["factor"] = 5
    files.write_json(tmp_path / "config.json", record)
    (tmp_path / "summary.json").write_text((folder / "summary.json").read_text())
    (tmp_path / "checkpoints").symlink_to(folder / "checkpoints")
    with pytest.raises(ValueError, match=r"its network cannot be built .*super_resolve\.factor"):
        load_enlarger(str(tmp_path))
    record["config"]["super_resolve"]["factor"] = 3
    record["config"]["model"]["decoder_features"] = []
    files.write_json(tmp_path / "config.json", record)
    with pytest.raises(ValueError, match=r"does not fit its config\.json"):
        load_enlarger(str(tmp_path))
