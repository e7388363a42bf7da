"""A grid and its runs: every contender at every setting with every seed, each an experiment of its own."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from aeden.data.dataset import Dataset
from aeden.runtime import identity
from aeden.tasks.execute import TASKS, prepare, task_of
from aeden.tasks.from_config import check_choice, open_data
from configs import base
from experiments.ablate import grid_checks, search_space
from experiments.ablate.pairing import PAIRINGS, paired
from experiments.ablate.run_config import field_of, run_config, shared_config, taken_fields

# Stands for the folder of the shared run in the fields of a contender.
SHARED_RUN = "{shared_run}"
# A shared run's contender is this, or begins with it: "shared run of k3".
SHARED_CONTENDER = "shared run"
# Characters of a run's name that its folder keeps: file systems take 255 bytes.
LONGEST_WORDS = 100


@dataclasses.dataclass(frozen=True, eq=False)
class Cell:
    """One run of a grid.

    Attributes:
      contender: name of the contender.
      setting: value of each axis, by the name of its field.
      seed: seed of the run.
      config: the whole experiment. It says `SHARED_RUN` where it needs the folder of the shared run.
      shared: the shared run, which must be finished before this one; None if this one does not need it.
      tuned: value of each field that the grid tunes; before the tuning, those of the experiment.
      trial: number of this trial of the tuning; None for the runs that the grid is about.
    """

    contender: str
    setting: dict[str, Any]
    seed: int
    config: Any
    shared: Cell | None = None
    tuned: dict[str, Any] = dataclasses.field(default_factory=dict)
    trial: int | None = None

    @property
    def is_shared(self) -> bool:
        """Whether this is a shared run, which no table shows."""
        return self.contender.startswith(SHARED_CONTENDER)

    @property
    def place(self) -> str:
        """The setting in words; "" if the grid has no axes."""
        return place(self.setting)

    @property
    def kind(self) -> str:
        """Contender and setting, e.g. "k3, noise.level=0.2": the same for all seeds."""
        return kind(self.contender, self.setting)

    @property
    def name(self) -> str:
        """Contender, setting and seed, of a trial also its number: unique within the grid."""
        name = f"{self.kind}, seed {self.seed}"
        return name if self.trial is None else f"trial {self.trial}, {name}"

    @property
    def folder(self) -> str:
        """Name of the folder that a new run gets. An existing run is found by its config, see `plan.make_plan`."""
        words = self.name.replace(", ", "_").replace(" ", "")[:LONGEST_WORDS]
        return "".join(c if c.isalnum() or c in "._=-" else "-" for c in f"{words}_{self.digest()[:8]}")

    def fields(self, shared_folder: str = SHARED_RUN) -> dict[str, Any]:
        """The config as dotted name -> value, with the folder of the shared run filled in."""
        fields = identity.flatten(self.config.to_dict())
        return {name: shared_folder if value == SHARED_RUN else value for name, value in fields.items()}

    @functools.cached_property
    def references(self) -> list[str]:
        """The fields that take the folder of the shared run."""
        return [name for name, value in self.fields().items() if value == SHARED_RUN]

    @property
    def varied(self) -> dict[str, Any]:
        """Axes whose value may otherwise change when a run is continued, such as `data.dir`."""
        return {name: value for name, value in self.setting.items() if name in identity.MAY_CHANGE}

    def identity(self, shared_folder: str = SHARED_RUN) -> dict[str, Any]:
        """The fields that define the experiment, see `identity_of`."""
        return {**identity_of(self.fields(shared_folder)), **self.varied}

    def digest(self, *without: str) -> str:
        """A hash of the fields that define the experiment, except some."""
        fields = {name: value for name, value in self.identity().items() if name not in without}
        if self.shared is not None:
            fields["shared_run"] = self.shared.digest(*without)
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()

    @property
    def level(self) -> float | str:
        """The noise level; e.g. "0.1 to 0.5" if the level of each image is drawn from a range."""
        noise = self.config.noise
        return f"{noise.level:g} to {noise.level_max:g}" if noise.level_max > noise.level else float(noise.level)

    def arguments(self, shared_folder: str = SHARED_RUN) -> list[str]:
        """The options of `experiments.main` for this run: the fields that differ from `configs/base.py`."""
        usual = identity.flatten(defaults())
        changed = {name: value for name, value in self.fields(shared_folder).items() if value != usual[name]}
        return ["--config=configs/base.py", *(f"--config.{name}={value}" for name, value in changed.items())]


def place(setting: Mapping[str, Any]) -> str:
    """A setting in words, e.g. "noise.level=0.2"."""
    return ", ".join(f"{name}={_short(value)}" for name, value in setting.items())


def kind(contender: str, setting: Mapping[str, Any]) -> str:
    """Contender and setting in words, e.g. "k3, noise.level=0.2", or "k3" if there is no setting."""
    return ", ".join(filter(None, (contender, place(setting))))


@functools.cache
def defaults() -> dict[str, Any]:
    """The default of every field of an experiment, as nested dicts."""
    return base.get_config().to_dict()


def identity_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that define an experiment, see `aeden.runtime.identity`.

    Args:
      fields: a config of now, or as an earlier version recorded it; nested, or dotted name -> value.

    Raises:
      ValueError: the task is unknown.
    """
    task = fields.get("task", defaults()["task"])
    check_choice("task", task, TASKS)
    return identity.identity(fields, defaults(), TASKS[task].sections)


def expand(grid: Any) -> list[Cell]:
    """The runs of a grid without those left out, seed by seed, so that the first to finish can be compared.

    Raises:
      ValueError: a field does not exist or cannot have the value, contradicts another, or has no effect.
    """
    contenders = {name: identity.flatten(grid.contenders[name].to_dict()) for name in grid.contenders}
    axes = identity.flatten(grid.axes.to_dict())
    if grid.reference not in contenders:
        raise ValueError(f"reference {grid.reference!r} is none of the contenders {', '.join(contenders)}")
    if grid.pairing not in PAIRINGS:
        raise ValueError(f"unknown pairing {grid.pairing!r}: use one of {', '.join(PAIRINGS)}")
    grid_checks.check_shared(grid, contenders, SHARED_CONTENDER)
    if grid.seeds < 1:
        raise ValueError(f"seeds {grid.seeds}: a grid takes 1 or more, and 6 for a comparison")
    tuned = search_space.ranges(grid)
    tested_on = (*grid_checks.DATA_FIELDS, *task_of(grid.experiment).tested_on)
    for contender, fields in contenders.items():
        grid_checks.check_contender(contender, fields, axes, tested_on)
    for name in tuned:
        grid_checks.check_tuned(name, contenders, axes, tested_on)
    grid_checks.check_axes(axes)
    settings = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    kinds = {kind(name, setting): (name, place(setting)) for setting in settings for name in contenders}
    if len(kinds) < len(settings) * len(contenders):
        raise ValueError("axes: values of an axis must differ in their first six digits, which name the runs")
    grid_checks.check_left_out(grid.leave_out, kinds, grid.reference)
    cells = [
        dataclasses.replace(cell, tuned={name: field_of(cell.config, name, "tuning") for name in tuned})
        for cell in _cells(grid, contenders, settings)
    ]
    if grid.shared_run and all(cell.shared is None for cell in cells):
        raise ValueError(f"shared_run is set, but no contender uses it: set stack.pretrained='{SHARED_RUN}' in one")
    return cells


def _cells(grid: Any, contenders: dict[str, dict[str, Any]], settings: list[dict[str, Any]]) -> Iterator[Cell]:
    first = grid.experiment.seed
    seen: dict[str, str] = {}
    widths = _paired_widths(grid, contenders, settings)
    made: dict[str, Cell] = {}
    if grid.shared_run:
        shared_config(grid, first, {})  # refused first if it cannot be, whoever needs it
    for seed in range(first, first + grid.seeds):
        for setting in settings:
            for contender, fields in contenders.items():
                if kind(contender, setting) in grid.leave_out:
                    continue
                config = run_config(grid, contender, fields, setting, seed)
                if kind(contender, setting) in widths:
                    config.model.decoder_features = widths[kind(contender, setting)]
                refers = SHARED_RUN in identity.flatten(config.to_dict()).values()
                shared = _shared_run(grid, contender, fields, seed, made) if refers else None
                cell = Cell(contender, setting, seed, config, shared)
                with _naming(cell.kind):
                    known = seen.setdefault(json.dumps(cell.identity(), sort_keys=True), cell.name)
                if known != cell.name:
                    raise ValueError(f"{cell.name} and {known} are the same experiment")
                yield cell


def _shared_run(grid: Any, contender: str, fields: Mapping[str, Any], seed: int, made: dict[str, Cell]) -> Cell:
    """The shared run that a contender needs: one per seed and, with `shared_fields`, per value of these fields.

    It is named after the first contender that needs it. `fields`: those of the contender, dotted name -> value. `made`:
    the shared runs so far; takes the new one.
    """
    if not grid.shared_run:
        raise ValueError(f"contender {contender} needs the folder of the shared run, but shared_run is empty")
    taken = taken_fields(grid, fields)
    key = json.dumps([seed, taken], sort_keys=True)
    if key not in made:
        name = f"{SHARED_CONTENDER} of {contender}" if grid.shared_fields else SHARED_CONTENDER
        made[key] = Cell(name, {}, seed, shared_config(grid, seed, taken))
    return made[key]


def _paired_widths(
    grid: Any, contenders: dict[str, dict[str, Any]], settings: list[dict[str, Any]]
) -> dict[str, tuple[int, ...]]:
    """Kind of cell -> channels of its decoder, of those that are made equal to the reference: the same for all seeds.

    Each takes a search over widths, which trace the network.
    """
    if grid.pairing == "none":
        return {}
    found = {}
    for setting in settings:
        reference = run_config(grid, grid.reference, contenders[grid.reference], setting, grid.experiment.seed)
        for contender, fields in contenders.items():
            label = kind(contender, setting)
            if contender == grid.reference or label in grid.leave_out:
                continue
            config = run_config(grid, contender, fields, setting, grid.experiment.seed)
            with _naming(label):
                shape = dataset_of(config).image_shape if grid.pairing == "multiplications" else None
                found[label] = paired(config, reference, grid.pairing, shape)
    return found


@contextlib.contextmanager
def _naming(label: str) -> Iterator[None]:
    """Errors of what is inside name the kind of cell."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{label}: {error}") from error


def shared_runs(cells: Iterable[Cell]) -> list[Cell]:
    """The shared runs that some cells need, each once."""
    return list(dict.fromkeys(cell.shared for cell in cells if cell.shared is not None))


def check(cells: Iterable[Cell]) -> None:
    """Opens the data of every kind of cell, which prepares them, and builds its networks, but trains nothing.

    Raises:
      ValueError: naming the cell and what is wrong with it.
    """
    first: dict[str, Cell] = {}
    for cell in cells:
        first.setdefault(cell.kind, cell)
    for cell in first.values():
        with _naming(cell.kind):
            dataset = dataset_of(cell.config)
            grid_checks.check_judged(cell.config.task, dataset)
            prepare(cell.config, dataset)


def digests(cells: Iterable[Cell]) -> dict[str, str]:
    """Kind of cell -> a hash of the fields that define its experiment, except the seed and what is tuned."""
    return {cell.kind: cell.digest("seed", *cell.tuned) for cell in cells}


def dataset_of(config: Any) -> Dataset:
    """The data of an experiment. They are opened once."""
    key = str(config.data)
    if key not in _OPENED:
        _OPENED[key] = open_data(config)
    return _OPENED[key]


_OPENED: dict[str, Dataset] = {}


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).replace(" ", "")
