"""Checkpoints: whole or named as damaged, never silently wrong."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from aeden.runtime import devices
from aeden.training.checkpoints import Checkpoints, remove_leftovers
from aeden.training.manifests import DamagedManifestError, read_manifest


def state(value):
    return devices.replicate({"w": jnp.full((64, 64), value, jnp.float32), "step": jnp.int32(value)})


@pytest.fixture
def saved(tmp_path):
    """Three steps, the second the best on validation."""
    checkpoints = Checkpoints(tmp_path / "checkpoints", keep=3)
    for step, psnr in ((10, 18.0), (20, 21.0), (30, 20.0)):
        checkpoints.save(step, state(step), {"psnr": psnr}, {"note": step})
    checkpoints.close()
    return tmp_path / "checkpoints"


def newest(folder):
    checkpoints = Checkpoints(folder, keep=3)
    manifest, complaints = checkpoints.newest_whole()
    restored = None if manifest is None else checkpoints.restore(manifest["step"], state(0))
    checkpoints.close()
    return manifest, complaints, restored


def data_files(folder, step):
    return sorted((path for path in (folder / str(step)).rglob("*") if path.is_file()), key=lambda p: -p.stat().st_size)


def test_what_is_saved_is_restored(saved):
    manifest, complaints, restored = newest(saved)
    assert (manifest["step"], manifest["extra"], complaints) == (30, {"note": 30}, [])
    np.testing.assert_array_equal(restored["w"], np.full((64, 64), 30, np.float32))
    assert len(restored["w"].sharding.device_set) == 2


def test_a_flipped_bit_is_found_in_any_file(saved):
    for path in data_files(saved, 30):
        content = path.read_bytes()
        if not content:
            continue
        at = len(content) // 2
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        assert "sha256 differs" in (Checkpoints(saved).problem(30) or "")
        path.write_bytes(content)
    assert Checkpoints(saved).problem(30) is None


def test_the_step_before_a_damaged_one_is_used(saved):
    path = data_files(saved, 30)[0]
    content = bytearray(path.read_bytes())
    content[100] ^= 4
    path.write_bytes(content)
    manifest, complaints, restored = newest(saved)
    assert manifest["step"] == 20
    assert restored["step"] == 20
    assert len(complaints) == 1
    assert "checkpoint 30 is not used" in complaints[0]
    assert (saved / "30.damaged").is_dir()
    assert newest(saved)[1] == []


@pytest.mark.parametrize("damage", ["no manifest", "cut manifest", "missing file", "missing folder"])
def test_half_written_steps_are_named(saved, damage):
    if damage == "no manifest":
        (saved / "30.json").unlink()
    elif damage == "cut manifest":
        (saved / "30.json").write_text((saved / "30.json").read_text()[:50])
    elif damage == "missing file":
        data_files(saved, 30)[0].unlink()
    else:
        (saved / "30").rename(saved / "elsewhere")
    manifest, complaints, _ = newest(saved)
    assert manifest["step"] == 20
    assert "checkpoint 30 is not used" in complaints[0]


def flipped(content, bit):
    return content[: bit // 8] + bytes([content[bit // 8] ^ (1 << bit % 8)]) + content[bit // 8 + 1 :]


def test_a_flipped_bit_of_a_manifest_is_noticed_wherever_it_is(saved):
    path = saved / "30.json"
    content = path.read_bytes()
    assert read_manifest(path, 30)["metrics"] == {"psnr": 20.0}
    for bit in [*range(0, 8 * 20), *range(8 * 20, 8 * len(content), 71)]:
        path.write_bytes(flipped(content, bit))
        with pytest.raises(DamagedManifestError):
            read_manifest(path, 30)


def test_a_manifest_of_before_it_had_a_checksum_is_read(saved):
    path = saved / "30.json"
    old = {name: value for name, value in json.loads(path.read_text()).items() if name != "sha256"}
    path.write_text(json.dumps(old, indent=2) + "\n")
    manifest, complaints, restored = newest(saved)
    assert (manifest, complaints) == (old, [])
    assert restored["step"] == 30


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("[]", "holds no fields"),
        ("null", "holds no fields"),
        ("", "not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ('{"step": 30}', "its fields are step"),
        ('{"step": 20, "files": {"a": "0"}, "metrics": null, "extra": {}}', "says step 20"),
        ('{"step": 30, "files": {}, "metrics": null, "extra": {}}', "lists no files"),
        ('{"step": 30, "files": {"a": 3}, "metrics": null, "extra": {}}', "checksum of a"),
        ('{"step": 30, "files": {"a": "%s"}, "metrics": {"psnr": NaN}, "extra": {}}' % ("0" * 64), "psnr is nan"),
    ],
)
def test_a_damaged_manifest_is_named_and_the_step_before_is_used(saved, damage, said):
    (saved / "30.json").write_text(damage)
    assert Checkpoints(saved).best_step() == 20
    manifest, complaints, _ = newest(saved)
    assert manifest["step"] == 20
    assert said in complaints[0]


def test_a_position_that_cannot_be_used_is_damage_too(saved):
    def accept(manifest):
        if manifest["step"] == 30:
            raise KeyError("clock")

    checkpoints = Checkpoints(saved, keep=3)
    manifest, complaints = checkpoints.newest_whole(accept)
    checkpoints.close()
    assert manifest["step"] == 20
    assert "its position cannot be read" in complaints[0]


def test_names_like_numbers_are_no_hindrance(saved):
    for name in ("99", "007", "²", "9" * 40, "1e3"):
        (saved / name).mkdir()
    (saved / "98.json").mkdir()
    manifest, complaints, _ = newest(saved)
    assert manifest["step"] == 30
    assert [complaint.partition(":")[0] for complaint in complaints] == [
        "checkpoint 99 is not used",
        "checkpoint 98 is not used",
    ]
    assert (saved / "007").is_dir()


def test_what_is_damaged_or_has_no_manifest_goes_when_a_later_step_is_complete(saved):
    (saved / "10.json").unlink()
    (saved / "25.damaged").mkdir()
    (saved / "50.damaged").mkdir()
    checkpoints = Checkpoints(saved, keep=3)
    checkpoints.save(40, state(40))
    checkpoints.close()
    assert sorted(path.name for path in saved.iterdir() if path.is_dir()) == ["20", "30", "40", "50.damaged"]


def test_no_whole_step_at_all(saved):
    for step in (10, 20, 30):
        (saved / f"{step}.json").unlink()
    manifest, complaints, _ = newest(saved)
    assert manifest is None
    assert len(complaints) == 3


def test_the_newest_and_the_best_are_kept(tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=2)
    for step, psnr in enumerate((18.0, 21.0, 20.0, 19.0, 20.5, 20.6), start=1):
        checkpoints.save(step, state(step), {"psnr": psnr})
    checkpoints.save(7, state(7), None)
    checkpoints.wait()
    assert sorted(int(path.stem) for path in tmp_path.glob("*.json")) == [2, 6, 7]
    assert sorted(int(path.name) for path in tmp_path.iterdir() if path.is_dir()) == [2, 6, 7]
    assert (checkpoints.best_step(), checkpoints.last_step()) == (2, 7)
    checkpoints.close()


def test_a_step_can_be_saved_again(saved):
    checkpoints = Checkpoints(saved, keep=3)
    checkpoints.save(30, state(31), None, {"note": "again"})
    checkpoints.close()
    manifest, _, restored = newest(saved)
    assert manifest["extra"] == {"note": "again"}
    assert restored["step"] == 31


def test_a_full_disk_is_told_in_plain_words(saved):
    checkpoints = Checkpoints(saved)
    full = ValueError('RESOURCE_EXHAUSTED: Error writing "opt_state.0.mu" in OCDBT database')
    assert "(No space left on device); earlier checkpoints are intact: make room" in str(
        checkpoints._not_written(5, full)
    )
    checkpoints.close()


def test_a_failed_save_is_told_and_leaves_the_others(saved):
    checkpoints = Checkpoints(saved, keep=3)
    (saved / "40").write_text("in the way")
    with pytest.raises(OSError, match="step 40 could not be written"):
        checkpoints.save(40, state(40))
    checkpoints.close()
    assert newest(saved)[0]["step"] == 30


def test_leftovers_of_orbax_are_removed(saved):
    (saved / "40.orbax-checkpoint-tmp-1").mkdir()
    remove_leftovers(saved)
    assert not list(saved.glob("*tmp*"))
    assert json.loads((saved / "30.json").read_text())["step"] == 30


def test_keeping_none_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"checkpoint.keep 0"):
        Checkpoints(tmp_path, keep=0)
