"""Checkpoints: written by Orbax in the background, each with a sha256 manifest that is verified on restore.

Orbax by itself loads most flipped bits silently. A checkpoint is valid only if its manifest is whole and every file
still has the hash in it. If the newest is not valid, the one before is used.

    checkpoints/860/          written by Orbax
    checkpoints/860.json      its manifest, see `aeden.training.manifests`; written last
    checkpoints/860.damaged   a step that was not valid

When a step is complete, older ones that are neither among the newest nor the best are deleted, and so are those without
a manifest and damaged ones up to this step. Other names are left alone.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from aeden.runtime import devices
from aeden.shapes import PyTree
from aeden.training.manifests import DamagedManifestError, hash_files, read_manifest, write_manifest

# A step as a name has it: `007`, `+7` and digits of other scripts are none.
_STEP = re.compile(r"0|[1-9][0-9]{0,17}")
# (manifest) -> None. Raises an error if what it says cannot be used.
Accept = Callable[[dict[str, Any]], object]


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

    def newest_whole(self, accept: Accept | None = None) -> tuple[dict[str, Any] | None, list[str]]:
        """The manifest of the newest valid checkpoint, and a message for each newer one that is not valid.

        Checkpoints that are not valid are renamed to `STEP.damaged`, so that they are not considered again. Only for
        process 0, which reads every file; the others are told the step.

        Args:
          accept: see `problem`.

        Raises:
          OSError: a checkpoint cannot be read or renamed.
        """
        complaints: list[str] = []
        for step in self.steps_on_disk():
            problem = self.problem(step, accept)
            if problem is None:
                return self._manifest(step), complaints
            complaints.append(f"checkpoint {step} is not used: {problem}")
            self._move_aside(step)
        return None, complaints

    def restore(self, step: int, like: PyTree) -> PyTree:
        """The state of a step, with the shapes, types and device layout of `like`."""
        abstract = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=devices.replicated_sharding()), like
        )
        return self._writer.restore(self.folder / str(step), args=ocp.args.StandardRestore(abstract))

    def best_intact(self) -> int | None:
        """The best valid checkpoint; None if there is none. Better ones that are damaged are reported and set aside.

        Only for process 0, as `newest_whole`.
        """
        while (step := self.best_step()) is not None:
            problem = self.problem(step)
            if problem is None:
                return step
            print(f"checkpoint {step}, the best on validation, is not used: {problem}", file=sys.stderr, flush=True)
            self._move_aside(step)
        return None

    def metrics(self, step: int) -> dict[str, float]:
        """The validation metrics saved with a step; {} if it was not validated."""
        return self._manifest(step)["metrics"] or {}

    def last_step(self, before: int | None = None) -> int | None:
        """The newest step with a manifest, of those before some step; None if there is none."""
        return max((step for step in self._sealed_steps() if before is None or step < before), default=None)

    def best_step(self) -> int | None:
        """The step with the highest validation metric; None if no step was validated."""
        scores: dict[int, float] = {}
        for step in self._sealed_steps():
            try:
                metrics = self._manifest(step)["metrics"] or {}
            except DamagedManifestError:
                continue  # `newest_whole` tells of it if it is needed
            if self.best_metric in metrics:
                scores[step] = metrics[self.best_metric]
        return max(scores, key=lambda step: (scores[step], step), default=None)

    def _seal(self, manifest: dict[str, Any]) -> None:
        """Waits until Orbax has written a step, then writes its manifest. Runs in a separate thread."""
        self._writer.wait_until_finished()
        if devices.is_primary():
            step = manifest["step"]
            write_manifest(self._manifest_path(step), {**manifest, "files": hash_files(self.folder / str(step))})
            self._drop_old(step)

    def _not_written(self, step: int, error: Exception) -> OSError:
        text = str(error).strip() or "no reason given"
        # What TensorStore, which writes for Orbax, says of a full disk.
        full = "RESOURCE_EXHAUSTED" in text
        reason = os.strerror(errno.ENOSPC) if full else text.splitlines()[0][:300]
        return OSError(
            f"the checkpoint of step {step} could not be written to {self.folder} ({reason}); earlier "
            "checkpoints are intact: make room, and run the same command again"
        )

    def _drop_old(self, saved: int) -> None:
        """Deletes what the step `saved`, which is complete, has made superfluous."""
        steps = sorted(self._sealed_steps())
        kept = {*steps[-self.keep :], self.best_step()}
        for step in steps:
            if step not in kept:
                self._discard(step)
        for step in self.steps_on_disk():
            # Left by a start that was killed while it deleted the step.
            if step < saved and not self._manifest_path(step).exists():
                self._discard(step)
        for path in self.folder.glob("*.damaged"):
            if _STEP.fullmatch(path.stem) and int(path.stem) <= saved:
                _remove(path)

    def _discard(self, step: int) -> None:
        if devices.is_primary():
            # The manifest is deleted first: without it the step is not valid, wherever this is interrupted.
            _remove(self._manifest_path(step))
            shutil.rmtree(self.folder / str(step), ignore_errors=True)

    def _move_aside(self, step: int) -> None:
        aside = self.folder / f"{step}.damaged"
        try:
            _remove(aside)
            _remove(self._manifest_path(step))
            if os.path.lexists(self.folder / str(step)):
                os.replace(self.folder / str(step), aside)
        except OSError as error:
            raise OSError(
                f"the damaged checkpoint {self.folder / str(step)} cannot be set aside ({error.strerror}): delete it "
                "and its .json file, or make the folder writable"
            ) from error

    def problem(self, step: int, accept: Accept | None = None) -> str | None:
        """Why a step is not valid; None if it is valid.

        Args:
          step: the step.
          accept: called with its manifest; raises ValueError, TypeError, KeyError or AttributeError if it is of no use.

        Raises:
          OSError: a file of the step cannot be read.
        """
        path = self._manifest_path(step)
        if not path.exists():
            return "it was not completely written"
        try:
            manifest = self._manifest(step)
            if accept is not None:
                accept(manifest)
        except DamagedManifestError as error:
            return f"its manifest {path.name} is damaged ({error})"
        except (ValueError, TypeError, KeyError, AttributeError):
            return f"its manifest {path.name} is damaged (its position cannot be read)"
        expected, found = manifest["files"], hash_files(self.folder / str(step))
        for name in sorted({*expected, *found}):
            if name not in found:
                return f"its file {name} is missing"
            if found[name] != expected.get(name):
                return f"its file {name} is damaged (sha256 differs from the manifest)"
        return None

    def steps_on_disk(self) -> list[int]:
        """Every step of which any file exists, newest first."""
        names = (path.stem for path in self.folder.iterdir() if path.suffix in ("", ".json"))
        return sorted({int(name) for name in names if _STEP.fullmatch(name)}, reverse=True)

    def _sealed_steps(self) -> list[int]:
        return [int(path.stem) for path in self.folder.glob("*.json") if _STEP.fullmatch(path.stem)]

    def _manifest(self, step: int) -> dict[str, Any]:
        return read_manifest(self._manifest_path(step), step)

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
        raise ValueError(f"there are no checkpoints in {folder}: take another run")
    checkpoints = Checkpoints(folder)
    try:
        steps = [step for step in checkpoints.steps_on_disk() if checkpoints.problem(step) is None]
    finally:
        checkpoints.close()
    if not steps:
        raise ValueError(f"no checkpoint in {folder} is intact: take another run")
    step = preferred if preferred in steps else steps[0]
    with ocp.PyTreeCheckpointer() as reader:
        tree = reader.metadata(checkpoints.folder / str(step)).item_metadata.tree
        if "params" not in tree:
            raise ValueError(f"the checkpoints in {folder} are not those of a single network: take another run")
        # As NumPy arrays: the devices that the checkpoint was written on may not exist here.
        arguments = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), tree)
        return step, reader.restore(checkpoints.folder / str(step), restore_args=arguments)["params"]


def remove_leftovers(folder: Path) -> None:
    """Deletes temporary files of interrupted Orbax saves. Only for the process that holds the lock of the run."""
    for path in folder.glob("*orbax-checkpoint-tmp*"):
        shutil.rmtree(path, ignore_errors=True)


def _remove(path: Path) -> None:
    """Deletes a file or a folder, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
