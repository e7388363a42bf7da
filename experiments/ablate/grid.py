"""A grid and its runs: every contender at every setting under every seed, each an experiment of its own."""

from __future__ import annotations

import bisect
import dataclasses
import difflib
import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jax

from aeden.data import dataset
from aeden.nn.parameters import count_parameters, make_init
from aeden.runtime import identity
from aeden.tasks import from_config
from aeden.tasks.execute import TASKS, open_data
from configs import base

PAIRINGS = ("none", "parameters", "multiplications")
# What only an upsampling decoder has.
RESIZING = ("model.resize", "model.placement")

# What the images of the test depend on.
TESTED_ON = ("noise.", "data.name", "data.dir", "data.limit")


@dataclasses.dataclass(frozen=True, eq=False)
class Cell:
    """One run of a grid.

    Attributes:
      contender: its name.
      setting: the values of the axes' fields.
      seed: of the run.
      config: the whole experiment.
    """

    contender: str
    setting: dict[str, Any]
    seed: int
    config: Any

    @property
    def place(self) -> str:
        """The setting in words; "" where the grid has no axes."""
        return place(self.setting)

    @property
    def kind(self) -> str:
        """Contender and setting, e.g. "k3, noise.level=0.2": what the seeds repeat."""
        return kind(self.contender, self.setting)

    @property
    def name(self) -> str:
        """What tells this run from the grid's others."""
        return f"{self.kind}, seed {self.seed}"

    @property
    def folder(self) -> str:
        """Of its run: its name, and a hash of its config, so that a changed grid keeps what it has in common."""
        words = self.name.replace(", ", "_").replace(" ", "")
        return "".join(c if c.isalnum() or c in "._=-" else "-" for c in f"{words}_{self.digest()[:8]}")

    def digest(self, *without: str) -> str:
        """A hash of its config but some fields, and but where its data lie."""
        flat = {
            name: value
            for name, value in identity.flatten(self.config.to_dict()).items()
            if name not in (*identity.MAY_CHANGE, *without)
        }
        return hashlib.sha256(json.dumps(flat, sort_keys=True).encode()).hexdigest()

    @property
    def level(self) -> float | str:
        """Of its noise; "0.1 to 0.5" where each image has one of its own from a range."""
        noise = self.config.noise
        return f"{noise.level:g} to {noise.level_max:g}" if noise.level_max > noise.level else float(noise.level)

    def arguments(self) -> list[str]:
        """The options of `experiments.main` that make this run: what differs from `configs/base.py`."""
        usual = identity.flatten(base.get_config().to_dict())
        changed = {
            name: value for name, value in identity.flatten(self.config.to_dict()).items() if value != usual[name]
        }
        return ["--config=configs/base.py", *(f"--config.{name}={value}" for name, value in changed.items())]


def place(setting: Mapping[str, Any]) -> str:
    """A setting in words, e.g. "noise.level=0.2"."""
    return ", ".join(f"{name}={_short(value)}" for name, value in setting.items())


def kind(contender: str, setting: Mapping[str, Any]) -> str:
    """Contender and setting in words, e.g. "k3, noise.level=0.2", or "k3" where there is no setting."""
    return ", ".join(filter(None, (contender, place(setting))))


def expand(grid: Any) -> list[Cell]:
    """The runs of a grid, seed by seed, so that whatever is finished first can be compared.

    Raises:
      ValueError: a field that does not exist or cannot have the value, contradicts another, or says nothing new.
    """
    contenders = {name: identity.flatten(grid.contenders[name].to_dict()) for name in grid.contenders}
    axes = identity.flatten(grid.axes.to_dict())
    if grid.reference not in contenders:
        raise ValueError(f"reference {grid.reference!r} is none of the contenders {', '.join(contenders)}")
    if grid.pairing not in PAIRINGS:
        raise ValueError(f"unknown pairing {grid.pairing!r}: use one of {', '.join(PAIRINGS)}")
    if grid.seeds < 1:
        raise ValueError(f"seeds {grid.seeds}: a grid takes 1 or more, and 6 for a comparison")
    for contender, fields in contenders.items():
        if "seed" in fields:
            raise ValueError(f"contender {contender} sets seed: all take the grid's seeds, so that they pair")
        for name in fields:
            if name.startswith(TESTED_ON):
                raise ValueError(
                    f"contender {contender} sets {name}: all are tested on the same images, so that they "
                    "can be compared; an axis compares them at several of its values"
                )
    for name, values in axes.items():
        if not isinstance(values, tuple | list) or not values or len({str(v) for v in values}) < len(values):
            raise ValueError(f"axes.{name} takes a tuple of different values, not {values!r}")
        for contender, fields in contenders.items():
            if name in fields:
                raise ValueError(f"contender {contender} sets {name}, and so does an axis: which one is meant?")
    return list(_cells(grid, contenders, axes))


def _cells(grid: Any, contenders: dict[str, dict[str, Any]], axes: dict[str, Any]) -> Iterator[Cell]:
    first = grid.experiment.seed
    seen: dict[str, str] = {}
    for seed in range(first, first + grid.seeds):
        for values in itertools.product(*axes.values()):
            setting = dict(zip(axes, values, strict=True))
            reference = _configured(grid, grid.reference, contenders[grid.reference], setting, seed)
            for contender, fields in contenders.items():
                config = _configured(grid, contender, fields, setting, seed)
                if grid.pairing != "none" and contender != grid.reference:
                    config.model.decoder_features = paired(config, reference, grid.pairing)
                cell = Cell(contender, setting, seed, config)
                known = seen.setdefault(json.dumps(config.to_dict(), sort_keys=True), cell.name)
                if known != cell.name:
                    raise ValueError(f"{cell.name} and {known} are the same experiment")
                yield cell


def _configured(grid: Any, contender: str, fields: dict[str, Any], setting: dict[str, Any], seed: int) -> Any:
    """The experiment of a contender at a setting under a seed."""
    config = grid.experiment.copy_and_resolve_references()
    for whose, changes in ((f"contender {contender}", fields), ("axes", setting), ("seeds", {"seed": seed})):
        for name, value in changes.items():
            set_field(config, name, value, whose)
    for name in RESIZING:
        if name in {**fields, **setting} and config.model.decoder != "upsample":
            raise ValueError(
                f"contender {contender}: {name}={config.model[name.removeprefix('model.')]} says nothing "
                f"of model.decoder={config.model.decoder}"
            )
    return config


def paired(config: Any, reference: Any, pairing: str) -> tuple[int, ...]:
    """Channels of a contender's decoder stages with which it is nearest to the reference in size.

    They are the mirrored encoder's, all scaled alike. The size is the whole network's number of parameters, or its
    multiplications an image. One that is nearest as it is stays as it is, so that its runs serve other pairings too.
    """
    shape = dataset_of(config).image_shape if pairing == "multiplications" else (8, 8, 1)

    def size(some: Any) -> int:
        model = from_config.build_model(some, shape)
        if pairing == "multiplications":
            return model.multiplications(*shape[:2])
        return count_parameters(jax.eval_shape(make_init(model, shape), jax.random.key(0)))

    def scaled(scale: int) -> Any:
        other = config.copy_and_resolve_references()
        other.model.decoder_features = tuple(max(1, round(width * scale / 16)) for width in widths)
        return other

    widths = config.model.decoder_features or tuple(reversed(config.model.features))
    target = size(reference)
    # Sizes grow with the width: the first one that is no smaller, or the one before.
    above = bisect.bisect_left(range(1, 16 * 8), target, key=lambda scale: size(scaled(scale))) + 1
    nearest = min((above - 1 or 1, above), key=lambda scale: abs(size(scaled(scale)) - target))
    found = tuple(scaled(nearest).model.decoder_features)
    return tuple(config.model.decoder_features) if found == tuple(widths) else found


def set_field(config: Any, name: str, value: Any, whose: str) -> None:
    """Sets a field of a config by its dotted name.

    Raises:
      ValueError: there is no such field, or it is of another type.
    """
    fields = identity.flatten(config.to_dict())
    if name not in fields:
        near = difflib.get_close_matches(name, fields, 1)
        raise ValueError(f"{whose}: there is no field {name}" + (f"; did you mean {near[0]}?" if near else ""))
    *rooms, last = name.split(".")
    for room in rooms:
        config = config[room]
    try:
        config[last] = value
    except TypeError:
        kind = type(fields[name]).__name__
        raise ValueError(f"{whose}: {name} takes a value of type {kind}, not {value!r}") from None


def check(cells: list[Cell]) -> None:
    """Opens the data of every cell, which prepares them, and builds its networks and noises, but trains nothing.

    Raises:
      ValueError: naming the cell and what is wrong with it.
    """
    checked = set()
    for cell in cells:
        if cell.kind in checked:
            continue
        checked.add(cell.kind)
        try:
            if cell.config.task not in TASKS:
                raise ValueError(f"unknown task {cell.config.task!r}: use one of {', '.join(TASKS)}")
            TASKS[cell.config.task].check(cell.config, dataset_of(cell.config))
        except ValueError as error:
            raise ValueError(f"{cell.kind}: {error}") from error


def digests(cells: Iterable[Cell]) -> dict[str, str]:
    """By kind, a hash of the config of its runs but for their seed."""
    return {cell.kind: cell.digest("seed") for cell in cells}


def dataset_of(config: Any) -> dataset.Dataset:
    """The data of an experiment, opened once."""
    key = str(config.data)
    if key not in _OPENED:
        _OPENED[key] = open_data(config)
    return _OPENED[key]


_OPENED: dict[str, dataset.Dataset] = {}


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).replace(" ", "")
