"""Checkpoints: whole or named as damaged, never silently wrong."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from aeden.runtime import devices
from aeden.training.checkpoints import Checkpoints, remove_leftovers


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
