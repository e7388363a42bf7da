"""Checkpoints: written by Orbax in the background, each with a sha256 manifest that is verified on restore.

Orbax by itself loads most flipped bits silently. A checkpoint is valid only if its manifest exists and every file still
has the hash in it. If the newest is not valid, the one before is used.

    checkpoints/860/        written by Orbax
    checkpoints/860.json    {"step", "files": {path: sha256}, "metrics", "extra"}
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from aeden.runtime import devices
from aeden.runtime.files import write_json
from aeden.shapes import PyTree


class Checkpoints:
    """The checkpoints of one run: the last few, and the best on validation.

    Args:
      folder: where they are written; created if absent.
      keep: number of newest checkpoints to keep, 1 or more.
      best_metric: the validation metric whose highest value marks the best checkpoint, which is kept too.

    Raises:
      ValueError: `keep` is less than 1.
    """

    def __init__(self, folder: Path, keep: int = 2, best_metric: str = "psnr"):
        if keep < 1:
            raise ValueError(f"checkpoint.keep {keep} would keep none: use 1 or more")
        self.folder, self.keep, self.best_metric = folder.absolute(), keep, best_metric
        folder.mkdir(parents=True, exist_ok=True)
        self._writer = ocp.AsyncCheckpointer(ocp.StandardCheckpointHandler())
        # Orbax has no callback for "the step has its final name", so a thread waits for it and writes the manifest.
        self._sealer = ThreadPoolExecutor(1, "seal-checkpoints")
        self._saving: tuple[int, Future[None]] | None = None

    def save(self, step: int, state: PyTree, metrics: dict[str, float] | None = None, extra: Any = None) -> None:
        """Starts writing a step in the background. Waits for the previous one first, and raises its error if it failed.

        Args:
          step: number of steps taken.
          state: tree of arrays, the same on every device.
          metrics: validation metrics at this step, if it was validated.
          extra: further data, serialisable as JSON; it is in the manifest.
        """
        self.wait()
        self._discard(step)
        try:
            self._writer.save(self.folder / str(step), args=ocp.args.StandardSave(devices.as_global(state)))
        except Exception as error:
            raise self._not_written(step, error) from error
        manifest = {"step": step, "metrics": metrics, "extra": extra}
        self._saving = step, self._sealer.submit(self._seal, manifest)

    def wait(self) -> None:
        """Returns when the last save is complete on disk.

        Raises:
          OSError: it could not be written. Earlier checkpoints are unaffected.
        """
        if self._saving is None:
            return
        (step, sealed), self._saving = self._saving, None
        try:
            sealed.result()
        except Exception as error:
            raise self._not_written(step, error) from error

    def close(self) -> None:
        """Waits for the last save and ends the threads."""
        try:
            self.wait()
        finally:
            self._sealer.shutdown()
            self._writer.close()

    def newest_whole(self) -> tuple[dict[str, Any] | None, list[str]]:
        """The manifest of the newest valid checkpoint, and a message for each newer one that is not valid.

        Checkpoints that are not valid are renamed to `STEP.damaged`, so that they are not considered again.
        """
        complaints: list[str] = []
        for step in self.steps_on_disk():
            problem = self.problem(step)
            if problem is None:
                return self._manifest(step), complaints
            complaints.append(f"checkpoint {step} is not used: {problem}")
            if devices.is_primary():
                self._move_aside(step)
        return None, complaints

    def restore(self, step: int, like: PyTree) -> PyTree:
        """The state of a step, with the shapes, types and device layout of `like`."""
        abstract = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=devices.replicated_sharding()), like
        )
        return self._writer.restore(self.folder / str(step), args=ocp.args.StandardRestore(abstract))

    def best_intact(self) -> int | None:
        """The best valid checkpoint; None if there is none. Better ones that are damaged are reported and set aside."""
        while (step := self.best_step()) is not None:
            problem = self.problem(step)
            # Every process must have looked before the files are moved.
            devices.any_process(False)
            if problem is None:
                return step
            if devices.is_primary():
                print(f"checkpoint {step}, the best on validation, is not used: {problem}", file=sys.stderr, flush=True)
                self._move_aside(step)
            devices.any_process(False)
        return None

    def metrics(self, step: int) -> dict[str, float]:
        """The validation metrics saved with a step; {} if it was not validated."""
        return self._manifest(step)["metrics"] or {}

    def last_step(self, before: int | None = None) -> int | None:
        """The newest step with a manifest, of those before some step; None if there is none."""
        return max((step for step in self._sealed_steps() if before is None or step < before), default=None)

    def best_step(self) -> int | None:
        """The step with the highest validation metric; None if no step was validated."""
        scores = {step: (self._manifest(step)["metrics"] or {}).get(self.best_metric) for step in self._sealed_steps()}
        known = {step: score for step, score in scores.items() if score is not None}
        return max(known, key=lambda step: (known[step], step), default=None)

    def _seal(self, manifest: dict[str, Any]) -> None:
        """Waits until Orbax has written a step, then writes its manifest. Runs in a separate thread."""
        self._writer.wait_until_finished()
        if devices.is_primary():
            step = manifest["step"]
            write_json(self._manifest_path(step), {**manifest, "files": _hash_files(self.folder / str(step))})
            self._drop_old()

    def _not_written(self, step: int, error: Exception) -> OSError:
        return OSError(
            f"the checkpoint of step {step} could not be written to {self.folder} ({_first_line(error)}); earlier "
            "checkpoints are intact: make room, and run the same command again"
        )

    def _drop_old(self) -> None:
        steps = sorted(self._sealed_steps())
        kept = {*steps[-self.keep :], self.best_step()}
        for step in steps:
            if step not in kept:
                self._discard(step)

    def _discard(self, step: int) -> None:
        if devices.is_primary():
            # The manifest is deleted first: without it the step is not valid, wherever this is interrupted.
            self._manifest_path(step).unlink(missing_ok=True)
            shutil.rmtree(self.folder / str(step), ignore_errors=True)

    def _move_aside(self, step: int) -> None:
        aside = self.folder / f"{step}.damaged"
        shutil.rmtree(aside, ignore_errors=True)
        self._manifest_path(step).unlink(missing_ok=True)
        if (self.folder / str(step)).exists():
            os.replace(self.folder / str(step), aside)

    def problem(self, step: int) -> str | None:
        """Why a step is not valid; None if it is valid."""
        if not self._manifest_path(step).exists():
            return "it was not completely written"
        try:
            expected = self._manifest(step)["files"]
        except (ValueError, KeyError):
            return f"its manifest {self._manifest_path(step).name} is damaged"
        found = _hash_files(self.folder / str(step))
        for name in sorted({*expected, *found}):
            if name not in found:
                return f"its file {name} is missing"
            if found[name] != expected.get(name):
                return f"its file {name} is damaged (sha256 differs from the manifest)"
        return None

    def steps_on_disk(self) -> list[int]:
        """Every step of which any file exists, newest first."""
        return sorted(
            {int(path.stem) for path in self.folder.iterdir() if path.stem.isdigit() and path.suffix in ("", ".json")},
            reverse=True,
        )

    def _sealed_steps(self) -> list[int]:
        return [int(path.stem) for path in self.folder.glob("*.json") if path.stem.isdigit()]

    def _manifest(self, step: int) -> dict[str, Any]:
        return json.loads(self._manifest_path(step).read_text())

    def _manifest_path(self, step: int) -> Path:
        return self.folder / f"{step}.json"


def newest_params(folder: Path, preferred: int | None = None) -> tuple[int, PyTree]:
    """The step and the parameters, as NumPy arrays, of a valid checkpoint of another run. Writes nothing.

    Args:
      folder: its checkpoints.
      preferred: the step to take, e.g. the one that was tested; the newest valid one if it is None or not valid.

    Raises:
      ValueError: there is no valid checkpoint, or it is not that of a single network (a GAN has two).
    """
    if not folder.is_dir():
        raise ValueError(f"there are no checkpoints in {folder}")
    checkpoints = Checkpoints(folder)
    try:
        steps = [step for step in checkpoints.steps_on_disk() if checkpoints.problem(step) is None]
    finally:
        checkpoints.close()
    if not steps:
        raise ValueError(f"no checkpoint in {folder} is intact")
    step = preferred if preferred in steps else steps[0]
    with ocp.PyTreeCheckpointer() as reader:
        tree = reader.metadata(checkpoints.folder / str(step)).item_metadata.tree
        if "params" not in tree:
            raise ValueError(f"the checkpoints in {folder} are not those of a single network")
        # As NumPy arrays: the devices that the checkpoint was written on may not exist here.
        arguments = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), tree)
        return step, reader.restore(checkpoints.folder / str(step), restore_args=arguments)["params"]


def remove_leftovers(folder: Path) -> None:
    """Deletes temporary files of interrupted Orbax saves. Only for the process that holds the lock of the run."""
    for path in folder.glob("*orbax-checkpoint-tmp*"):
        shutil.rmtree(path, ignore_errors=True)


def _hash_files(folder: Path) -> dict[str, str]:
    """sha256 of every file below a folder, by its relative path."""
    hashes = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with open(path, "rb") as file:
                hashes[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashes


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
