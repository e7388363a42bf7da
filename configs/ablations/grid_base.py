"""Every field of a grid once, with its default and meaning.

On the command line: --config=configs/ablations/NAME.py --config.seeds=3 --config.experiment.epochs=2.0, with --config
first.
"""

from collections.abc import Collection

from ml_collections import ConfigDict

from configs import base


def get_config() -> ConfigDict:
    """The defaults. They have no contenders: each grid names its own."""
    config = ConfigDict()
    config.experiment = base.get_config()  # the experiment that all runs share
    config.contenders = ConfigDict(sort_keys=False)  # name -> fields of the experiment that this contender changes
    config.axes = ConfigDict()  # field of the experiment -> tuple of values; every combination of values is run
    config.leave_out = ()  # runs that are left out, named as in --list without the seed, e.g. ("k4, epochs=48",)
    config.shared_run = ConfigDict()  # fields of a run that is made once per seed, before the others; {} for none
    # A contender refers to the folder of the shared run as stack.pretrained="{shared_run}".
    config.shared_fields = ()  # fields or sections that it takes from contenders, e.g. ("model",): a run for each
    config.pairing = "none"  # none | parameters | multiplications: match decoder size to the reference by either
    config.least_steps = 0  # shortest training on stack.labels images, where epochs amount to fewer steps; 0 for none
    config.seeds = 6  # number of seeds, from experiment.seed on; the same for every contender, so that runs are paired
    config.reference = ""  # the contender that the others are compared with
    config.tuning = _tuning()  # trials that choose values of fields for each contender, before its runs
    config.baselines = True  # compare denoisers with methods that need no training, on the images of the first seed
    config.costs = True  # time the networks of denoisers after all runs have ended
    config.metric = "psnr"  # the metric of the verdict, as in the table of results
    config.margin = 0.0  # smallest difference to act on, in the metric's unit; 0: its own (0.1 dB for psnr), -1: none
    config.note = ""  # plain text under the verdict, while no option changes this grid; "" for none
    return config


def _tuning() -> ConfigDict:
    # Every contender gets the same trials at every setting of the axes. Their results on the validation split, by
    # `metric` and smoothed, decide; they do not see the test split. The chosen values then run under the grid's seeds.
    tuning = ConfigDict()
    tuning.fields = ConfigDict()  # field of the experiment -> (lowest, highest), tried on a log scale; {} for no tuning
    tuning.trials = 12  # trials per contender and setting of the axes
    tuning.seed = 1000  # trial i has the seed tuning.seed + i; none of them may be a seed of the grid
    tuning.widenings = 1  # how often a range may be widened because the best value lies at its edge
    tuning.finalists = 0  # how many contenders go on, by validation, besides the reference and `always`; 0 for all
    tuning.always = ()  # names of contenders that go on in any case
    return tuning


def check_name(name: str, names: Collection[str]) -> None:
    """Refuses a name after the colon, as in --config=configs/ablations/NAME.py:name, that a grid does not have.

    Raises:
      ValueError: it is none of `names`.
    """
    if name not in names:
        raise ValueError(f"{name!r} is no variant of this grid: after the colon comes one of {', '.join(names)}")
