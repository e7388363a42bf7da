"""Folders and archives of image files, including damaged and hostile ones: what is read, named, or refused."""

import io
import os
import socket
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import write_images
from image_writers import png

from aeden.data.image_files import decode_image
from aeden.data.image_limits import ImageError, Limits, in_units
from aeden.data.image_members import NAMED, iterate_files, skipped_notes, suffixes_found


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (60, 8, 8), dtype=np.uint8)


def archive(path, members, mode="w:gz", format_=tarfile.GNU_FORMAT):
    """Writes (name, content) members; the content may also be a complete TarInfo."""
    with tarfile.open(path, mode, format=format_) as tar:
        for name, content in members:
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
            else:
                tar.addfile(info)
    return path


def link(kind, name="s/A/x.png", target="/etc/passwd"):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def numbered(images, count=None):
    return [(f"s/A/{i}.png", png(image[..., None])) for i, image in enumerate(images[:count])]


def split(source, limits=None):
    """The contents that were read, and the reasons of what was skipped, by name."""
    found = dict(iterate_files(source, limits or Limits()))
    skipped = {name: str(what) for name, what in found.items() if isinstance(what, ImageError)}
    return {name: what for name, what in found.items() if name not in skipped}, skipped


@pytest.mark.parametrize("suffix", [".tar.gz", ".tar", ".tar.bz2", ".tar.xz"])
def test_an_archive_yields_the_same_files_as_its_folder(tmp_path, images, suffix):
    write_images(tmp_path / "set", images)
    for hidden in ("A/.hidden.png", ".cache/0.png", "A/.thumbnails/0.png"):
        (tmp_path / "set" / hidden).parent.mkdir(exist_ok=True)
        (tmp_path / "set" / hidden).write_bytes(b"hidden")
    (tmp_path / "set" / "A" / "notes.txt").write_bytes(b"text")
    mode = suffix.removeprefix(".tar").replace(".", ":") or ":"
    with tarfile.open(tmp_path / f"set{suffix}", f"w{mode}") as tar:
        tar.add(tmp_path / "set", "set")
    unpacked, skipped = split(tmp_path / "set")
    assert dict(iterate_files(tmp_path / f"set{suffix}")) == {f"set/{name}": what for name, what in unpacked.items()}
    assert (len(unpacked), skipped) == (len(images), {})
    assert list(unpacked) == sorted(unpacked, key=lambda name: name.split("/"))


@pytest.mark.parametrize("name", ["../outside.png", "/absolute.png", "s/A/../../../x.png"])
def test_an_archive_with_members_outside_of_it_is_refused(tmp_path, images, name):
    path = archive(tmp_path / "x.tar.gz", [*numbered(images, 1), (name, b"x")])
    with pytest.raises(ValueError, match="points outside"):
        list(iterate_files(path))


@pytest.mark.parametrize(
    ("kind", "match"),
    [
        (tarfile.SYMTYPE, "a link to '/etc/passwd': pack the file itself"),
        (tarfile.LNKTYPE, "a link to '/etc/passwd': pack the file itself"),
        (tarfile.FIFOTYPE, "a named pipe, device or other special member"),
        (tarfile.CHRTYPE, "a named pipe, device or other special member"),
        (tarfile.GNUTYPE_SPARSE, "a sparse member: pack it without --sparse"),
    ],
)
def test_special_members_are_named_and_the_others_are_read(tmp_path, images, kind, match):
    path = archive(tmp_path / "x.tar.gz", [*numbered(images, 1), ("", link(kind)), ("s/B/last.png", b"last")])
    read, skipped = split(path)
    assert sorted(read) == ["s/A/0.png", "s/B/last.png"]
    assert list(skipped) == ["s/A/x.png"]
    assert skipped["s/A/x.png"].startswith(match)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("suffix", ["tar.gz", "tar"])
def test_a_truncated_archive_is_refused(tmp_path, images, share, suffix):
    path = archive(tmp_path / f"x.{suffix}", numbered(images), "w:gz" if suffix == "tar.gz" else "w")
    content = path.read_bytes()
    if suffix == "tar":
        content = content.rstrip(b"\0")
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"x.tar.* is truncated or damaged"):
        list(iterate_files(path))


def test_a_damaged_header_in_an_archive_is_refused(tmp_path, images):
    """tarfile just stops there, as if the archive ended."""
    path = archive(tmp_path / "x.tar", numbered(images), "w")
    content = bytearray(path.read_bytes())
    header = content.index(b"s/A/30.png")
    content[header : header + 512] = b"x" * 512
    path.write_bytes(content)
    with pytest.raises(ValueError, match="truncated or damaged"):
        list(iterate_files(path))


def test_a_file_that_is_not_an_archive_is_refused(tmp_path):
    (tmp_path / "x.tar.gz").write_bytes(b"<html>not found</html>")
    with pytest.raises(ValueError, match="truncated or damaged") as refused:
        list(iterate_files(tmp_path / "x.tar.gz"))
    assert "\n" not in str(refused.value)
    for content, match in (
        (png(np.zeros((2, 2, 1), np.uint8)), "a single image"),
        (b"PK\5\6" + bytes(18), "zip archive"),
    ):
        (tmp_path / "x").write_bytes(content)
        with pytest.raises(ValueError, match=match):
            list(iterate_files(tmp_path / "x"))
    with pytest.raises(FileNotFoundError, match=r"y.tar.gz"):
        list(iterate_files(tmp_path / "y.tar.gz"))
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        packed.writestr("a.png", b"x")
    with pytest.raises(ValueError, match="zip archive: unpack it"):
        list(iterate_files(tmp_path / "x.zip"))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="a named pipe, not a folder or archive"):
        list(iterate_files(tmp_path / "pipe"))


def test_limits_of_archives(tmp_path, images):
    path = archive(tmp_path / "x.tar.gz", [*numbered(images, 3), ("s/A/large.png", bytes(3000))])
    read, skipped = split(path, Limits(file_bytes=2048))
    assert len(read) == 3
    assert skipped == {"s/A/large.png": "2.9 KiB, more than 2.0 KiB: scale it down or cut it into parts"}
    with pytest.raises(ValueError, match=r"has more than 3 entries: divide it into several"):
        list(iterate_files(path, Limits(members=3)))
    with pytest.raises(ValueError, match=r"unpacks to more than 2.9 KiB: divide it"):
        list(iterate_files(path, Limits(archive_bytes=3000)))
    long = tarfile.TarInfo("s/" + "n" * 2_000_000)
    path = archive(tmp_path / "long.tar.gz", [("", long)])
    with pytest.raises(ValueError, match=r"a header of 1.9 MiB"):
        list(iterate_files(path))


def test_limits_of_folders(tmp_path, images):
    write_images(tmp_path, images[:4])
    (tmp_path / "A" / "large.png").write_bytes(bytes(3000))
    assert split(tmp_path, Limits(file_bytes=2048))[1].keys() == {"A/large.png"}
    with pytest.raises(ValueError, match=r"has more than 4 entries"):
        list(iterate_files(tmp_path, Limits(members=4)))


def test_special_files_and_links_are_named_and_never_waited_for(tmp_path, images, monkeypatch):
    folder = tmp_path / "set"
    write_images(folder, images[:4])
    os.mkfifo(folder / "A" / "pipe.png")
    (folder / "A" / "broken.png").symlink_to("nothing.png")
    (folder / "A" / "itself.png").symlink_to("itself.png")
    (folder / "A" / "loop").symlink_to("..")
    (folder / "B" / "again").symlink_to("../A")
    (folder / "B" / "device.png").symlink_to("/dev/zero")
    monkeypatch.chdir(folder / "B")  # The path of a socket must be short.
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.png")
        read, skipped = split(folder)
    assert len(read) == 4
    for name, match in {
        "A/pipe.png": "a named pipe",
        "A/broken.png": "does not exist, or is a link to a file that does not exist",
        "A/itself.png": "leads to itself",
        "A/loop": "a link to a folder that is read anyway or contains it",
        "B/again": "a link to a folder that is read anyway or contains it",
        "B/device.png": "a device",
        "B/socket.png": "a socket",
    }.items():
        assert match in skipped.pop(name), name
    assert skipped == {}
    with pytest.raises(ImageError, match="a named pipe, not a file"):
        decode_image(folder / "A" / "pipe.png")


def test_links_to_other_folders_are_followed_once(tmp_path, images):
    write_images(tmp_path / "elsewhere", images[:4])
    (tmp_path / "elsewhere" / "A" / "back").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "cats").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set" / "dogs").symlink_to(tmp_path / "elsewhere")
    read, skipped = split(tmp_path / "set")
    assert sorted(read) == ["cats/A/0.png", "cats/A/2.png", "cats/B/1.png", "cats/B/3.png"]
    assert sorted(skipped) == ["cats/A/back", "dogs"]


def test_folders_may_be_nested_deeper_than_python_recurses(tmp_path, images, monkeypatch):
    write_images(tmp_path, images[:2])
    monkeypatch.chdir(tmp_path / "B")
    depth = 500
    for _ in range(depth):
        os.mkdir("d")
        os.chdir("d")
    write_images(Path(), images[:1])
    os.chdir(tmp_path)
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(depth)
    try:
        read, skipped = split(tmp_path)
    finally:
        sys.setrecursionlimit(before)
    assert sorted(read) == ["A/0.png", "B/1.png", f"B/{'d/' * depth}A/0.png"]
    assert skipped == {}
    subprocess.run(["rm", "-rf", "B"], check=True)  # pytest would delete them by recursion


def test_what_may_not_be_read_is_named(tmp_path, images, monkeypatch):
    write_images(tmp_path, images[:4])
    scan, open_ = os.scandir, os.open

    def refuse(real, part):
        def call(path, *arguments):
            if part in str(path):
                raise PermissionError(13, "Permission denied", str(path))
            return real(path, *arguments)

        return call

    # Tests may run as root, whom no permission stops.
    monkeypatch.setattr(os, "scandir", refuse(scan, "/A"))
    monkeypatch.setattr(os, "open", refuse(open_, "1.png"))
    read, skipped = split(tmp_path)
    assert list(read) == ["B/3.png"]
    assert skipped == {
        "A": "a folder that cannot be read, as the permission is missing: chmod u+r",
        "B/1.png": "cannot be read, as the permission is missing: chmod u+r",
    }
    monkeypatch.setattr(os, "scandir", refuse(scan, str(tmp_path)))
    with pytest.raises(ValueError, match=r"the permission is missing"):
        list(iterate_files(tmp_path))


def test_names_that_cannot_be_printed_are_escaped(tmp_path):
    for name in (b"line\nbreak.png", b"latin \xe9.png", "\u00e9 \u6f22.png".encode()):
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
            file.write(b"x")
    assert sorted(name for name, _ in iterate_files(tmp_path)) == [
        "latin \\udce9.png",
        "line\\nbreak.png",
        "\u00e9 \u6f22.png",
    ]


def test_images_of_other_kinds_are_named(tmp_path):
    for name in ("a.HEIC", "b.txt", "c", "d.nef", "e.txt"):
        (tmp_path / name).write_bytes(b"x")
    read, skipped = split(tmp_path)
    assert read == {}
    assert skipped["a.HEIC"] == "aeden does not read .heic files: convert it to PNG"
    assert set(skipped) == {"a.HEIC", "d.nef"}
    assert suffixes_found(tmp_path) == ".txt (2), .heic (1), no suffix (1), .nef (1)"


def test_the_note_about_skipped_images():
    assert skipped_notes({}) == ()
    assert skipped_notes({"a.png": "empty"}) == ("1 unreadable image was skipped: a.png (empty)",)
    many = {f"{i}.png": "empty" for i in range(NAMED + 5)}
    (note,) = skipped_notes(many)
    assert note.startswith(f"{NAMED + 5} unreadable images were skipped: 0.png (empty); 1.png")
    assert note.endswith("; and 5 more")
    assert skipped_notes({}, 2) == ("2 unreadable images were skipped",)
    assert skipped_notes({"a.png": "empty"}, 3)[0].endswith("a.png (empty); and 2 more")


def test_sizes_in_messages():
    assert [in_units(n) for n in (12, 2048, 3 << 29, 5 << 40)] == ["12 bytes", "2.0 KiB", "1.5 GiB", "5.0 TiB"]
