"""Every field of a grid once, with its default and meaning. A grid says which contenders meet where, and how often.

On the command line: --config=configs/ablations/NAME.py --config.seeds=3 --config.experiment.epochs=2.0, with --config
first.
"""

from ml_collections import ConfigDict

from configs import base


def get_config() -> ConfigDict:
    """No contenders yet: a grid names its own."""
    config = ConfigDict()
    config.experiment = base.get_config()  # what all runs share
    config.contenders = ConfigDict(
        sort_keys=False
    )  # name -> the fields of the experiment that are this contender's own
    config.axes = ConfigDict()  # fields of the experiment -> tuple of values; every combination is run
    config.pairing = "none"  # parameters | multiplications: contenders' decoders as wide as makes them equal to the
    # reference in that; none: as their configs say
    config.seeds = 6  # from experiment.seed on; the same ones for every contender, so that they pair
    config.reference = ""  # the contender that the others are compared with
    config.baselines = True  # classical denoisers and the posterior mean, on the images that the first seed corrupts
    config.costs = True  # time the contenders once the runs have ended
    config.metric = "psnr"  # of the summary's `test`, that the verdict is about
    config.margin = 0.0  # a difference no larger than this is of no practical use, in the metric's unit
    return config
