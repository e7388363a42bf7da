"""Checkpoints that are damaged."""

from __future__ import annotations

import functools
import random
import shutil
from pathlib import Path

from aeden.training.checkpoints import Checkpoints
from tests.reliability.processes import uninterrupted
from tests.reliability.scenario import Broken, Scenario

DAMAGES = ("flipped", "cut", "deleted")


def damaged(how: str, folder: Path, dice: random.Random) -> None:
    """A file of the newest checkpoint, or its manifest, is damaged; the start has to name it and take the older one."""
    copy = folder / "checkpoints"
    shutil.copytree(uninterrupted(1) / "checkpoints", copy)
    newest = max(int(path.stem) for path in copy.glob("*.json"))
    files = [path for path in (copy / str(newest)).rglob("*") if path.is_file() and path.stat().st_size]
    path = dice.choice([copy / f"{newest}.json", *sorted(files)])
    content = path.read_bytes()
    if how == "flipped":
        bit = dice.randrange(8 * len(content))
        path.write_bytes(content[: bit // 8] + bytes([content[bit // 8] ^ 1 << bit % 8]) + content[bit // 8 + 1 :])
    elif how == "cut":
        path.write_bytes(content[: dice.randrange(len(content))])
    else:
        path.unlink()
    checkpoints = Checkpoints(copy)
    try:
        manifest, complaints = checkpoints.newest_whole()
    except Exception as error:
        raise Broken(f"{path.name} {how}: {error!r}"[:200]) from None
    finally:
        checkpoints.close()
    shutil.rmtree(copy)
    if manifest is None or manifest["step"] >= newest:
        raise Broken(f"{path.name} {how}: not noticed")
    if not complaints and path.suffix != ".json":
        raise Broken(f"{path.name} {how}: not named")


def scenarios() -> list[Scenario]:
    """All of them."""
    times = {"flipped": 500, "cut": 100, "deleted": 50}
    words = {
        "flipped": "a bit of a file or manifest of the newest checkpoint is flipped",
        "cut": "such a file is cut off at any length",
        "deleted": "such a file is deleted",
    }
    return [
        Scenario(
            how, words[how], "noticed; the checkpoint before it is used", times[how], functools.partial(damaged, how)
        )
        for how in DAMAGES
    ]
