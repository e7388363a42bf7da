"""Which learning rate suits an experiment? Nine trials of any config, by the validation split.

python -m experiments.ablate --config=configs/ablations/tune.py:dense_mnist

The name after the colon is a file of configs/, without .py. The trials cover its own rate times 1/5 to 5; if the best
one has the lowest or the highest rate, the range grows. The chosen rate then runs under three fresh seeds. A field of
the experiment is changed as in other grids: --config.experiment.epochs=4.0. Other fields are tuned with
--config.tuning.fields, see "Tune each contender" in docs/guide.md.
"""

import importlib
import re

from ml_collections import ConfigDict

from configs.ablations import grid_base

# The range is the config's own rate over and times this.
REACH = 5.0
# What decides, by task, where it is not that of the defaults.
METRICS = {"stack": "accuracy", "gan": "kid", "segment": "mean_iou"}


def get_config(name: str = "transpose_mnist") -> ConfigDict:
    config = grid_base.get_config()
    if not re.fullmatch(r"[\w-]+", name):
        raise ValueError(f"{name!r} is no config: after the colon comes the name of a file of configs/, without .py")
    try:
        config.experiment = importlib.import_module(f"configs.{name}").get_config()
    except ModuleNotFoundError as error:
        if error.name != f"configs.{name}":  # the config exists, and imports something that does not
            raise
        raise ValueError(
            f"there is no configs/{name}.py: after the colon comes the name of a file of configs/"
        ) from error
    rate = config.experiment.learning_rate
    config.contenders[name] = ConfigDict()
    config.reference = name
    config.tuning.fields.learning_rate = (rate / REACH, rate * REACH)
    config.tuning.trials = 9
    config.seeds = 3
    config.baselines = False
    config.costs = False
    config.metric = METRICS.get(config.experiment.task, config.metric)
    return config
