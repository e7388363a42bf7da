"""`aeden denoise`: whatever images it is given, with a restorer that inverts them, and with a real run."""

import dataclasses
import io
import os
import sys

import numpy as np
import pytest
from PIL import Image
from saved_images import save

from aeden.cli import restored_pixels, restoring, streams
from aeden.cli.main import build_parser, main
from aeden.data.image_files import decode_image
from aeden.data.image_limits import Limits
from aeden.inference.finished_run import load_restorer
from aeden.inference.restorer import Restorer

NOISE = {"kind": "gaussian", "level": 0.1, "level_max": 0.2, "clip": True}


def inverter(channels=1, takes_level=False, size=None, levels=None):
    """A restorer that inverts its images, and keeps the levels it is told in `levels`."""

    def compute(images, level):
        if levels is not None:
            levels.append(level)
        return 1 - images

    return Restorer("inverter", channels, 4, 8, NOISE, size, takes_level, "edge", compute)


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs `aeden denoise RUN ARGUMENTS` within a folder of its own, with the restorer `run.restorer`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(restoring, "load_restorers", lambda name: lambda channels: start.restorer)

    def start(*arguments):
        return main(["denoise", "RUN", *map(str, arguments)])

    start.restorer = inverter()
    return start


def values(height=20, width=30, channels=1, dtype="uint8"):
    top = {"uint8": 255, "uint16": 65535, "float32": 1.0}[dtype]
    noisy = np.random.default_rng(height).normal(0.5, 0.15, (height, width, channels)).clip(0.05, 0.95)
    return (noisy * top).astype(dtype)


def tree(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


# What is restored


@pytest.mark.parametrize(
    ("name", "dtype", "channels"),
    [
        ("a.png", "uint8", 1),
        ("a.png", "uint16", 3),
        ("a.tif", "float32", 3),
        ("a.webp", "uint8", 3),
        ("a.bmp", "uint8", 1),
    ],
)
def test_an_image_keeps_its_kind(run, tmp_path, capsys, name, dtype, channels):
    pixels = save(tmp_path / name, values(channels=channels, dtype=dtype))
    assert run(name, "-o", "out/") == 0
    result = decode_image(tmp_path / "out" / name)
    top = {"uint8": 255, "uint16": 65535, "float32": np.float32(1)}[dtype]
    np.testing.assert_allclose(result.pixels, top - pixels, atol=1e-6)
    assert result.pixels.dtype == dtype
    said = capsys.readouterr().out
    assert f"{name} -> out/{name}: 30 x 20" in said
    assert ("channel by channel" in said) == (channels == 3)


def test_opacity_and_metadata_are_kept(run, tmp_path):
    alpha = values(dtype="uint8")[..., 0]
    save(tmp_path / "a.png", values(channels=3), alpha=alpha)
    with Image.open(tmp_path / "a.png") as image:
        image.save(tmp_path / "a.png", dpi=(300, 300))
    assert run("a.png", "-o", "b.png") == 0
    result = decode_image(tmp_path / "b.png")
    np.testing.assert_array_equal(result.alpha, alpha)
    assert result.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_a_comparison_that_exists_is_left_and_the_result_is_written(run, tmp_path):
    save(tmp_path / "a.png", values())
    left = save(tmp_path / "b.compare.png", values(5))
    assert run("a.png", "-o", "b.png", "--compare", "--skip-existing") == 0
    assert (tmp_path / "b.png").exists()
    np.testing.assert_array_equal(decode_image(tmp_path / "b.compare.png").pixels, left)


def test_a_float_image_restored_in_blended_tiles_stays_in_its_range(run, tmp_path):
    save(tmp_path / "a.tif", np.zeros((40, 60, 1), np.float32))
    assert run("a.tif", "-o", "b.tif", "--tile", "16", "--overlap", "3") == 0
    assert decode_image(tmp_path / "b.tif").pixels.max() == 1.0


def test_an_image_that_lies_on_its_side_is_written_upright(run, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(values(height=10, width=16, channels=3)).save(tmp_path / "a.jpg", exif=exif, quality=95)
    assert run("a.jpg", "-o", "b.jpg") == 0
    before, after = decode_image(tmp_path / "a.jpg"), decode_image(tmp_path / "b.jpg")
    assert after.pixels.shape == before.pixels.shape == (16, 10, 3)
    assert "exif" not in after.info
    assert np.abs(255.0 - before.pixels - after.pixels).mean() < 8


def test_every_page_of_a_tiff(run, tmp_path, capsys):
    pages = [values(20), values(30, channels=3), values(40, dtype="uint16")]
    save(tmp_path / "a.tif", *pages)
    assert run("a.tif", "-o", "b.tif") == 0
    for number, page in enumerate(pages):
        result = decode_image(tmp_path / "b.tif", frame=number)
        np.testing.assert_array_equal(result.pixels, np.iinfo(page.dtype).max - page)
    assert result.frames == 3
    captured = capsys.readouterr()
    assert "page 3: 30 x 40, gray" in captured.out
    assert "frames was read" not in captured.err


def test_a_page_that_cannot_be_read_is_named(run, tmp_path, capsys):
    save(tmp_path / "a.tif", values(), values(dtype="float32") * 50)
    assert run("a.tif", "-o", "b.tif") == 1
    assert "a.tif: page 2: floating-point values" in capsys.readouterr().err
    assert not (tmp_path / "b.tif").exists()


def test_the_first_frame_of_an_animation_is_a_png(run, tmp_path, capsys):
    frames = [Image.fromarray(values(height)[:20, :, 0]) for height in (20, 21)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert run("a.gif", "-o", "out/") == 0
    assert decode_image(tmp_path / "out/a.png").format == "PNG"
    assert "1 of 2 frames" in capsys.readouterr().err


@pytest.mark.parametrize("strength", [0.0, 0.25])
def test_strength(run, tmp_path, strength):
    pixels = save(tmp_path / "a.png", values(dtype="uint16"))
    assert run("a.png", "-o", "b.png", "--strength", strength) == 0
    expected = (1 - strength) * pixels + strength * (65535 - pixels.astype(float))
    np.testing.assert_allclose(decode_image(tmp_path / "b.png").pixels, expected, atol=0.51)


def test_the_range_of_float_images(run, tmp_path, capsys):
    pixels = save(tmp_path / "a.tif", values(dtype="float32") * 3000 - 1000)
    assert run("a.tif", "-o", "b.tif") == 1
    said = capsys.readouterr().err
    assert "floating-point values from" in said
    assert "by --range LOW HIGH" in said
    assert run("--range", "-1e3", "2e3", "a.tif", "-o", "b.tif") == 0
    np.testing.assert_allclose(decode_image(tmp_path / "b.tif").pixels, 1000 - pixels, atol=1e-3)


def test_gray_through_a_run_for_colour(run, tmp_path, capsys):
    run.restorer = inverter(channels=3)
    pixels = save(tmp_path / "a.png", values())
    assert run("a.png", "-o", "b.png") == 0
    np.testing.assert_array_equal(decode_image(tmp_path / "b.png").pixels, 255 - pixels)
    assert "gray, with a run for colour" in capsys.readouterr().out


def test_each_image_goes_to_the_model_for_its_kind(run, monkeypatch, tmp_path, capsys):
    """The gray model inverts, the colour model restores nothing but doubles the darkness."""
    models = {1: inverter(), 3: dataclasses.replace(inverter(channels=3), compute=lambda images, level: images / 2)}
    monkeypatch.setattr(restoring, "load_restorers", lambda name: models.__getitem__)
    colour, gray = values(64, 80, channels=3), values(64, 80)
    save(tmp_path / "colour.png", colour)
    save(tmp_path / "scan.png", np.repeat(gray, 3, axis=2))
    Image.fromarray(colour).save(tmp_path / "full.jpg", subsampling=0, quality=95)
    Image.fromarray(colour).save(tmp_path / "camera.jpg", subsampling=2, quality=95)
    assert run("colour.png", "scan.png", "full.jpg", "camera.jpg", "-o", "out") == 0
    said = capsys.readouterr().out
    np.testing.assert_allclose(decode_image(tmp_path / "out/colour.png").pixels, colour / 2, atol=1)
    np.testing.assert_array_equal(decode_image(tmp_path / "out/scan.png").pixels, 255 - np.repeat(gray, 3, axis=2))
    assert "scan.png: 80 x 64, gray stored as colour, noise" in said
    assert "full.jpg: 80 x 64, colour, noise" in said
    assert "camera.jpg: 80 x 64, colour, channel by channel, noise" in said


@pytest.mark.parametrize("channels", [1, 3])
def test_a_run_for_colour_warns_of_noise_that_the_channels_share(run, tmp_path, capsys, channels):
    run.restorer = inverter(channels=3)
    Image.fromarray(np.repeat(values(64, 80), 3, axis=2)[..., : channels if channels == 3 else 1].squeeze()).save(
        "a.png"
    )
    assert run("a.png", "-o", "b.png") == 0
    assert "warning: a.png: its noise is the same in all channels" in capsys.readouterr().err
    save(tmp_path / "c.png", values(64, 80, channels=3))
    assert run("c.png", "-o", "d.png") == 0
    assert "warning" not in capsys.readouterr().err


def test_what_exists_can_be_left(run, tmp_path, capsys):
    for name in "abc":
        save(tmp_path / f"in/{name}.png", values())
    (tmp_path / "out").mkdir()
    (tmp_path / "out/b.png").write_bytes(b"precious")
    assert run("in", "-o", "out", "--skip-existing") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "2 restored, 1 skipped, as they exist already"
    assert (tmp_path / "out/b.png").read_bytes() == b"precious"
    (tmp_path / "in/text.png").write_text("text")
    assert run("in", "-o", "out", "--skip-existing") == 1
    assert capsys.readouterr().out.splitlines()[-1] == (
        "0 restored, 3 skipped, as they exist already, 1 failed: in/text.png"
    )
    with pytest.raises(SystemExit):
        run("in", "-o", "out", "--skip-existing", "--force")


def test_a_run_that_is_told_the_level(run, tmp_path, capsys):
    levels = []
    run.restorer = inverter(takes_level=True, levels=levels)
    rng = np.random.default_rng(0)
    save(tmp_path / "a.png", (255 * rng.normal(0.5, 0.1, (64, 64, 1))).clip(1, 254).astype("uint8"))
    save(tmp_path / "tiny.png", values(4, 4))
    assert run("a.png", "-o", "b.png", "--level", "0.3") == 0
    assert run("a.png", "-o", "c.png") == 0
    assert levels == [0.3, pytest.approx(0.1, rel=0.1)]
    assert run("tiny.png", "-o", "d.png") == 1
    assert "too small for an estimate of its noise: give --level" in capsys.readouterr().err


def test_a_level_for_a_run_that_is_not_told_it(run, tmp_path, capsys):
    save(tmp_path / "a.png", values())
    assert run("a.png", "-o", "b.png", "--level", "0.1") == 1
    assert "leave out --level" in capsys.readouterr().err


def test_a_comparison_shows_the_image_before_and_after(run, tmp_path):
    pixels = save(tmp_path / "a.png", values())
    assert run("a.png", "-o", "b.png", "--compare") == 0
    both = decode_image(tmp_path / "b.compare.png").pixels
    np.testing.assert_array_equal(both, np.concatenate([pixels, 255 - pixels], axis=1))


def test_tiles_give_what_the_whole_image_gives(run, tmp_path):
    pixels = save(tmp_path / "a.png", values(90, 70))
    assert run("a.png", "-o", "b.png", "--tile", "40") == 0
    assert run("a.png", "-o", "c.png", "--tile", "40", "--overlap", "4") == 0
    for name in ("b.png", "c.png"):
        np.testing.assert_array_equal(decode_image(tmp_path / name).pixels, 255 - pixels)


def test_many_sizes_are_not_all_compiled(run, tmp_path):
    shapes, inner = set(), run.restorer.compute

    def compute(images, level):
        shapes.add(images.shape)
        return inner(images, level)

    run.restorer = dataclasses.replace(run.restorer, compute=compute)
    sizes = [(side, 300 - side) for side in range(140, 160)]
    pixels = {side: save(tmp_path / f"in/{side}.png", values(side, width)) for side, width in sizes}
    assert run("in", "-o", "out", "--tile", "256") == 0
    assert len(shapes) == restored_pixels.OWN_SIZES + 1
    for side, image in pixels.items():
        np.testing.assert_array_equal(decode_image(tmp_path / f"out/{side}.png").pixels, 255 - image)


class Terminal(io.StringIO):
    """Standard error where somebody watches."""

    def isatty(self):
        return True


def test_progress_is_shown_on_a_terminal_only(run, tmp_path, monkeypatch, capsys):
    for name in ("in/a.png", "in/b.png"):
        save(tmp_path / name, values(90, 70))
    terminal = Terminal()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", terminal)
        assert run("in", "-o", "out", "--tile", "40") == 0
    assert "0/2" in terminal.getvalue()
    assert "in/a.png: " in terminal.getvalue()
    capsys.readouterr()
    assert run("in", "-o", "again", "--tile", "40") == 0
    assert capsys.readouterr().err == ""


def test_a_single_pixel(run, tmp_path, capsys):
    save(tmp_path / "a.png", values(1, 1))
    assert run("a.png", "-o", "b.png") == 0
    assert decode_image(tmp_path / "b.png").pixels.shape == (1, 1, 1)
    assert "too small for an estimate" in capsys.readouterr().out


# Which images, and where to


def test_folders_keep_their_structure_and_hidden_files_are_left_out(run, tmp_path, capsys):
    for name in ("photos/a.png", "photos/sub/b.png", "photos/.hidden/c.png", "photos/sub/.d.png"):
        save(tmp_path / name, values())
    (tmp_path / "photos/notes.txt").write_text("no image")
    (tmp_path / "photos/sub/self").symlink_to(tmp_path / "photos")
    save(tmp_path / "elsewhere/e.png", values())
    (tmp_path / "photos/link").symlink_to(tmp_path / "elsewhere")
    assert run("photos", "-o", "out") == 0
    assert tree(tmp_path / "out") == ["a.png", "link/e.png", "sub/b.png"]
    captured = capsys.readouterr()
    assert captured.out.splitlines()[-1] == "3 restored"
    assert "notes.txt" in captured.err
    assert "photos/sub/self: a link to a folder" in captured.err
    # Once more into the folder itself: the results of the first time are no images to restore.
    assert run("photos", "-o", "photos/clean") == 0
    assert run("photos", "-o", "photos/clean", "--force") == 0
    assert tree(tmp_path / "photos/clean") == ["a.png", "link/e.png", "sub/b.png"]


def test_patterns_keep_the_structure_from_the_first_wildcard_on(run, tmp_path, capsys):
    for name in ("scans/1/a.png", "scans/2/a.png", "scans/2/b.png", "scans/.3/a.png"):
        save(tmp_path / name, values())
    assert run("scans/*/a.png", "-o", "out") == 0
    assert tree(tmp_path / "out") == ["1/a.png", "2/a.png"]
    assert run("scans/**", "-o", "all") == 0
    assert tree(tmp_path / "all") == ["1/a.png", "2/a.png", "2/b.png"]
    assert run("scans/**/*.png", "-o", "scans/clean") == 0
    assert run("scans/**/*.png", "-o", "scans/clean", "--force") == 0
    assert tree(tmp_path / "scans/clean") == ["1/a.png", "2/a.png", "2/b.png"]
    capsys.readouterr()
    assert run("nothing/*.png", "scans/1/b.png", "-o", "out") == 1
    captured = capsys.readouterr()
    assert "no image matches this pattern" in captured.err
    assert captured.out == "0 restored, 2 failed: nothing/*.png, scans/1/b.png\n"


def test_patterns_follow_no_link_in_a_circle(run, tmp_path):
    for name in ("in/a.png", "in/sub/b.png", "in/.hidden/c.png", "elsewhere/d.png"):
        save(tmp_path / name, values())
    # Each of them doubles the paths to a file, 40 times over.
    for name, target in (("up", ".."), ("here", "."), ("sub/up", ".."), ("link", "../elsewhere")):
        (tmp_path / "in" / name).symlink_to(target)
    assert run("in/**/*.png", "-o", "out") == 0
    assert tree(tmp_path / "out") == ["a.png", "link/d.png", "sub/b.png"]
    assert run("in/**/sub/**/b.png", "-o", "again") == 0
    assert tree(tmp_path / "again") == ["sub/b.png"]


def test_results_stay_in_the_output_folder(run, tmp_path, capsys):
    for name in ("in/sub/a.png", "other/b.png"):
        save(tmp_path / name, values())
    assert run("in/*/../../other/*.png", "-o", "out/deep") == 1
    assert "write it without" in capsys.readouterr().err
    assert run("in/../other/*.png", "-o", "out") == 0
    assert tree(tmp_path / "out") == ["b.png"]


def test_an_empty_name_is_not_the_working_folder(run, tmp_path, capsys):
    save(tmp_path / "a.png", values())
    assert run("", "-o", "out") == 1
    assert "an input has an empty name" in capsys.readouterr().err
    assert run("a.png", "a.png", "-o", "") == 1
    assert "the output has an empty name" in capsys.readouterr().err
    with pytest.raises(ValueError, match="empty name"):
        load_restorer("")
    assert main(["export", "", "out"]) == 1
    assert main(["export", "run", ""]) == 1
    assert main(["evaluate", "--classical", "--images", ""]) == 1
    assert capsys.readouterr().err.count("empty name") == 3
    assert tree(tmp_path) == ["a.png"]


def test_a_name_that_exists_is_no_pattern(run, tmp_path):
    save(tmp_path / "a[1].png", values())
    assert run("a[1].png", "a[1].png", "-o", "out") == 0
    assert tree(tmp_path / "out") == ["a[1].png"]


def test_nothing_is_overwritten_without_force(run, tmp_path, capsys):
    save(tmp_path / "a.png", values())
    (tmp_path / "b.png").write_bytes(b"precious")
    assert run("a.png", "-o", "b.png") == 1
    assert "b.png exists already: use --force" in capsys.readouterr().err
    assert (tmp_path / "b.png").read_bytes() == b"precious"
    assert run("a.png", "-o", "b.png", "--force") == 0
    assert (tmp_path / "b.png").read_bytes() != b"precious"
    (tmp_path / "c.compare.png").write_bytes(b"precious")
    assert run("a.png", "-o", "c.png", "--compare") == 1
    assert not (tmp_path / "c.png").exists()
    assert (tmp_path / "c.compare.png").read_bytes() == b"precious"


def test_two_images_with_one_result(run, tmp_path, capsys):
    first = save(tmp_path / "one/a.png", values(10))
    save(tmp_path / "two/a.png", values(12))
    assert run("one/a.png", "two/a.png", "-o", "out", "--force") == 1
    np.testing.assert_array_equal(decode_image(tmp_path / "out/a.png").pixels, 255 - first)
    captured = capsys.readouterr()
    assert "two/a.png: out/a.png is already the result for one/a.png" in captured.err
    assert captured.out.splitlines()[-1].startswith("1 restored, 1 failed: ")


def test_a_format_that_is_not_written_may_give_a_result_its_name_twice(run, tmp_path, capsys):
    """`--force` would not help the second."""
    for name in ("in/a.gif", "in/a.png"):
        save(tmp_path / "in/b.png", values())
        with Image.open(tmp_path / "in/b.png") as image:
            image.save(tmp_path / name)
    (tmp_path / "in/b.png").unlink()
    assert run("in", "-o", "out") == 1
    assert "in/a.png: out/a.png is already the result for in/a.gif" in capsys.readouterr().err


def test_a_result_does_not_replace_another_image_of_the_command(run, tmp_path, capsys):
    save(tmp_path / "one/a.png", values(10))
    second = save(tmp_path / "two/a.png", values(12))
    assert run("one/a.png", "two/a.png", "-o", "two", "--force") == 1
    assert "two/a.png would replace the image two/a.png of this command" in capsys.readouterr().err
    np.testing.assert_array_equal(decode_image(tmp_path / "two/a.png").pixels, 255 - second)


def test_names_that_cannot_be_printed(run, tmp_path, capsys):
    save(tmp_path / "a.png", values())
    names = [os.fsdecode(b"a\xff.png"), "two\nlines.png"]
    for name in names:
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes((tmp_path / "a.png").read_bytes())
    assert run("in", "-o", "out") == 0
    assert tree(tmp_path / "out") == sorted(names)
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 3
    assert said[0].startswith(r"in/a\udcff.png -> out/a\udcff.png")
    assert said[1].startswith(r"in/two\nlines.png")


# Standard input and output


class Pipe(io.RawIOBase):
    """Standard output that nobody reads."""

    def writable(self):
        return True

    def write(self, content):
        raise BrokenPipeError(32, "Broken pipe")


def test_standard_input_and_output(run, tmp_path, monkeypatch, capsys):
    pixels = save(tmp_path / "a.png", values())
    content = (tmp_path / "a.png").read_bytes()
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out))
    assert run("-", "-o", "-") == 0
    np.testing.assert_array_equal(decode_image(out.getvalue()).pixels, 255 - pixels)
    assert "standard input -> standard output: 30 x 20" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert run("-", "-o", "out/") == 0
    assert tree(tmp_path / "out") == ["stdin.png"]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    assert run("-", "-o", "b.png") == 1
    assert "standard input: it is empty" in capsys.readouterr().err


def test_standard_input_may_never_end(run, monkeypatch, capsys):
    monkeypatch.setattr(streams, "LIMITS", Limits(file_bytes=1000))
    with open("/dev/zero") as zeros:
        monkeypatch.setattr(sys, "stdin", zeros)
        assert run("-", "-o", "b.png") == 1
    assert "standard input: 1001 bytes, more than 1000" in capsys.readouterr().err


def test_an_output_that_nobody_reads(run, tmp_path, monkeypatch, capsys):
    save(tmp_path / "a.png", values())
    save(tmp_path / "b.png", values())
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(Pipe(), write_through=True))
    assert run("a.png", "-o", "-") == 1
    assert "a.png: standard output was closed before all of the image was written" in capsys.readouterr().err
    # Nobody reads the messages: the images are restored nevertheless.
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(Pipe(), write_through=True))
    assert run("a.png", "b.png", "-o", "out") == 0
    assert tree(tmp_path / "out") == ["a.png", "b.png"]


def test_standard_output_takes_one_image(run, tmp_path, capsys):
    save(tmp_path / "a.png", values())
    save(tmp_path / "b.png", values())
    assert run("a.png", "b.png", "-o", "-") == 1
    assert "standard output takes one image, not 2" in capsys.readouterr().err
    assert run("a.png", "-o", "-", "--compare") == 1


# Bad input: one line each, the others done, nothing lost


def bad_files(folder):
    """Names of bad files that are made in a folder -> what is to be said of them."""
    save(folder / "broken.tif", values(dtype="uint16"))
    (folder / "broken.tif").write_bytes((folder / "broken.tif").read_bytes()[:200])
    (folder / "text.png").write_text("this is a text")
    (folder / "empty.jpg").write_bytes(b"")
    save(folder / "half.png", values(200, 200))
    (folder / "half.png").write_bytes((folder / "half.png").read_bytes()[:3000])
    os.mkfifo(folder / "pipe.png")
    (folder / "gone.png").symlink_to("nowhere")
    (folder / "photo.heic").write_bytes(b"any")
    return {
        "broken.tif": "",
        "text.png": "",
        "empty.jpg": "empty file",
        "half.png": "",
        "pipe.png": "not a file",
        "gone.png": "a link to a file that does not exist",
        "photo.heic": "convert it to PNG",
    }


def test_bad_files_do_not_stop_the_others(run, tmp_path, capsys):
    save(tmp_path / "in/a.png", values())
    save(tmp_path / "in/z.png", values())
    bad = bad_files(tmp_path / "in")
    assert run("in", "-o", "out") == 1
    assert tree(tmp_path / "out") == ["a.png", "z.png"]
    captured = capsys.readouterr()
    errors = captured.err.splitlines()
    assert len(errors) == len(bad)
    for name, said in bad.items():
        assert any(line.startswith(f"error: in/{name}: ") and said in line for line in errors), name
    assert captured.out.splitlines()[-1].startswith(f"2 restored, {len(bad)} failed: ")


def test_what_is_not_there(run, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert run("nothing.png", "-o", "b.png") == 1
    assert run("empty", "-o", "out") == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("error: nothing.png: No such file or directory")
    assert said[1].startswith("error: empty: no image is in this folder")
    assert not (tmp_path / "out").exists()


def test_outputs_that_cannot_be(run, tmp_path, capsys):
    save(tmp_path / "a.png", values(dtype="uint16"))
    save(tmp_path / "b.png", values())
    (tmp_path / "nowhere").symlink_to("gone/sub")
    for output, said in (
        ("c.jpg", "JPEG cannot hold this 16-bit image"),
        ("c.gif", "256 colours"),
        ("c.xyz", "no format for results"),
        ("b.png/c.png", "a part of this path is no folder"),
        ("b.png/sub/c.png", "a part of this path is no folder"),
        ("nowhere/c.png", "nowhere is no folder"),
        ("n" * 300 + ".png", "File name too long"),
    ):
        assert run("a.png", "-o", output) == 1
        assert said in capsys.readouterr().err
    assert run("a.png", "b.png", "-o", "b.png") == 1
    assert "b.png is a file, and several images need a folder" in capsys.readouterr().err
    assert tree(tmp_path) == ["a.png", "b.png"]


def test_a_comparison_whose_name_is_too_long_is_refused_before_anything_is_written(run, tmp_path, capsys):
    name = "n" * 251 + ".png"
    save(tmp_path / "in" / name, values())
    assert run("in", "-o", "out", "--compare") == 1
    assert "compare.png: File name too long" in capsys.readouterr().err
    assert tree(tmp_path) == [f"in/{name}"]


def test_a_full_disk(run, tmp_path, monkeypatch, capsys):
    save(tmp_path / "a.png", values())
    (tmp_path / "b.png").write_bytes(b"precious")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert run("a.png", "-o", "b.png", "--force") == 1
    assert "a.png: No space left on device" in capsys.readouterr().err
    assert tree(tmp_path) == ["a.png", "b.png"]
    assert (tmp_path / "b.png").read_bytes() == b"precious"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do everything")
def test_no_permission(run, tmp_path, capsys):
    save(tmp_path / "a.png", values())
    (tmp_path / "closed").mkdir(mode=0o500)
    assert run("a.png", "-o", "closed/b.png") == 1
    assert "Permission denied" in capsys.readouterr().err


def test_a_network_for_one_size_only(run, tmp_path, capsys):
    run.restorer = inverter(size=(28, 28))
    save(tmp_path / "a.png", values())
    assert run("a.png", "-o", "b.png") == 1
    assert "images of 28 x 28 pixels only, and this one has 30 x 20" in capsys.readouterr().err
    assert not (tmp_path / "b.png").exists()


def test_ctrl_c_leaves_nothing_half_written(run, tmp_path, capsys):
    def interrupt(images, level):
        raise KeyboardInterrupt

    run.restorer = Restorer("slow", 1, 4, 8, NOISE, None, False, "edge", interrupt)
    save(tmp_path / "a.png", values())
    assert run("a.png", "-o", "out/") == 130
    assert capsys.readouterr().err.startswith("interrupted")
    assert tree(tmp_path) == ["a.png"]


@pytest.mark.parametrize(
    "wrong",
    [
        ["--strength", "1.5"],
        ["--strength", "nan"],
        ["--tile", "0"],
        ["--overlap", "-1"],
        ["--level", "-0.1"],
        ["--range", "1", "inf"],
        ["--gone"],
    ],
)
def test_wrong_options(wrong, capsys):
    with pytest.raises(SystemExit) as stop:
        build_parser().parse_args(["denoise", "RUN", "a.png", "-o", "b.png", *wrong])
    assert stop.value.code == 2
    assert wrong[0].strip("-") in capsys.readouterr().err


@pytest.mark.parametrize(
    "option", [["--tile", "1e9"], ["--overlap", "x"], ["--strength", "all"], ["--range", "0", "1e300"]]
)
def test_wrong_options_are_explained_in_words(option, capsys):
    with pytest.raises(SystemExit):
        build_parser().parse_args(["denoise", "RUN", "a.png", "-o", "b.png", *option])
    said = capsys.readouterr().err.splitlines()[-1]
    assert f": {option[-1]} is " in said
    assert "_" not in said


@pytest.mark.parametrize(("low", "high"), [(0, 1e-60), (1e9, 1e9 + 1), (0, 1e-45)])
def test_a_range_that_float32_does_not_resolve(run, tmp_path, capsys, low, high):
    save(tmp_path / "a.png", values())
    assert run("a.png", "-o", "b.png", "--range", low, high) == 1
    assert "too near to each other" in capsys.readouterr().err
    assert not (tmp_path / "b.png").exists()


def test_a_range_the_wrong_way_round(run, capsys):
    assert run("a.png", "-o", "b.png", "--range", "1", "0") == 1
    assert "--range takes LOW and HIGH in this order" in capsys.readouterr().err


# With a real run


def test_a_real_run(finished_run, tmp_path, capsys):
    rng = np.random.default_rng(3)
    save(tmp_path / "a.png", (255 * rng.normal(0.5, 0.1, (50, 41, 3)).clip(0, 1)).astype(np.uint8))
    assert main(["denoise", str(finished_run), str(tmp_path / "a.png"), "-o", str(tmp_path / "b.png")]) == 0
    from aeden.inference.finished_run import load_run

    restorer, unit = load_run(finished_run), decode_image(tmp_path / "a.png").unit()
    expected = np.concatenate([restorer(unit[None, ..., i : i + 1])[0] for i in range(3)], axis=2)
    np.testing.assert_allclose(decode_image(tmp_path / "b.png").pixels, 255 * expected, atol=0.51)
    assert "far below the 0.4 of the run" in capsys.readouterr().err
    assert main(["denoise", str(tmp_path / "none"), str(tmp_path / "a.png"), "-o", str(tmp_path / "c.png")]) == 1
    assert "none does not exist" in capsys.readouterr().err
