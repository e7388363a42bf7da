"""Every field of a verdict over settings once, with its default and meaning.

A setting is a task on a data set, with images and a network of one size. Each gives one comparison per contender.
"""

from typing import Any

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    """The defaults. They have no tables: each config names its own."""
    config = ConfigDict(sort_keys=False)
    config.reference = ""  # the contender that the others are compared with, at every setting
    config.contenders = ConfigDict(sort_keys=False)  # name -> the decoder in plain words, in the order of the columns
    config.options = ConfigDict(sort_keys=False)  # name -> fields of the experiment that make the decoder, for readers
    config.headline = ()  # the contenders of the summary in a few lines; () for all
    config.data = ConfigDict({"mnist": "MNIST", "notmnist/small": "notMNIST"})  # data set in tables -> its name in text
    config.page = True  # whether the heat map is also written as an HTML page
    config.axes = _axes()
    config.places = (("stack.labels", 0, "all labels"),)  # axis, value, and its words where those of `axes` do not fit
    config.tables = ConfigDict(sort_keys=False)  # name of an entry -> `table(...)`
    config.questions = ConfigDict(sort_keys=False)  # name -> `question(...)`, a line of "if you do this, take that"
    return config


def _axes() -> ConfigDict:
    """Column that tells settings apart -> its value in words; True is "with" and False "without"."""
    axes = ConfigDict(sort_keys=False)
    axes.epochs = "{} epochs"
    axes.level = "noise {}"
    axes.data = {"train_limit": "{} training images"}
    axes.super_resolve = {"factor": "x{}"}
    axes.stack = {"labels": "{} labels"}
    axes.model = {"stages": "{}-stage network", "skip": "{} skip connections"}
    return axes


def table(
    path: str, task: str = "denoise", tuned: bool = False, name: str = "", report: str = "", **others: Any
) -> ConfigDict:
    """An entry: a committed table with one row per run, and how it splits into settings.

    Args:
      path: the CSV file, from the root of the repository.
      task: value of config.task of its runs.
      tuned: whether each contender had a learning rate that suits it, found by trials.
      name: what the settings are, in words; the data set and the axes are added.
      report: page, and heading, that describes the runs; from the root of the repository.
      **others: any of the fields below.
    """
    entry = ConfigDict(sort_keys=False)
    entry.path, entry.task, entry.tuned, entry.name, entry.report = "", "", False, "", ""
    entry.axes = ()  # columns whose values tell the settings of the table apart
    entry.runs = ""  # in a table by `method`: pattern of the names of runs, with the groups `contender` and `seed`
    entry.where = ConfigDict()  # column -> value, or several in a tuple: only these rows count
    entry.rename = ConfigDict()  # contender in the table -> its name in `contenders`, where they differ
    entry.not_decoders = ()  # contenders of the table that are no decoders: their figures are shown, not compared
    entry.metric = "psnr"  # column that is compared
    entry.margin = 0.0  # smallest difference to act on, in the metric's unit; 0: its own (0.1 dB for psnr), -1: none
    entry.columns = ()  # metrics that the table of its contenders shows beside `metric`
    entry.baselines = ""  # table of methods that need no training, on the same images; "" for none
    entry.trials = ""  # table of the trials that the rates were chosen by; "" for none
    entry.data = ""  # the data set, where the table has no column `dataset`
    entry.equal_parameters = False  # whether contenders had as many parameters as the reference
    entry.networks = ""  # entries that test the same trained networks share this name; "" for networks of its own
    entry.left_out = ""  # why the summaries leave the settings out, e.g. "learning rate too low"; "" to count them
    unknown = others.keys() - entry.keys()
    if unknown:
        raise ValueError(f"a table has no field {sorted(unknown)[0]}: see configs/settings/base.py")
    given = {"path": path, "task": task, "tuned": tuned, "name": name, "report": report, **others}
    for field, value in given.items():
        try:
            entry[field] = value
        except TypeError:
            kind = type(entry[field]).__name__
            raise ValueError(f"{field}={value!r} of a table takes a {kind}: see configs/settings/base.py") from None
    if entry.margin < 0 and entry.margin != -1.0:
        raise ValueError(f"margin={entry.margin} is negative: 0 for that of the metric, -1 for none")
    return entry


def question(
    situation: str, settings: tuple[str, ...], untested: str, most: dict[str, float] | None = None
) -> ConfigDict:
    """A line of the table "if you do this, take that".

    Args:
      situation: what the reader does.
      settings: names of the settings that answer it, with * for anything: "skips, model.skip=True*" is of the entry
        `skips`.
      untested: what of the situation has not been measured.
      most: column of the tables -> the largest value that a contender may have, relative to the reference:
        {"multiplications": 1.0}.
    """
    asked = ConfigDict(sort_keys=False)
    asked.situation, asked.settings, asked.untested = situation, settings, untested
    asked.most = ConfigDict(most or {})
    return asked
