"""Every field of a grid once, with its default and meaning.

On the command line: --config=configs/ablations/NAME.py --config.seeds=3 --config.experiment.epochs=2.0, with --config
first.
"""

from ml_collections import ConfigDict

from configs import base


def get_config() -> ConfigDict:
    """The defaults. They have no contenders: each grid names its own."""
    config = ConfigDict()
    config.experiment = base.get_config()  # the experiment that all runs share
    config.contenders = ConfigDict(sort_keys=False)  # name -> fields of the experiment that this contender changes
    config.axes = ConfigDict()  # field of the experiment -> tuple of values; every combination of values is run
    config.shared_run = ConfigDict()  # fields of a run that is made once per seed, before the others; {} for none
    # A contender refers to the folder of the shared run as stack.pretrained="{shared_run}".
    config.pairing = "none"  # none | parameters | multiplications: match decoder size to the reference by either
    config.least_steps = 0  # shortest training on stack.labels images, where epochs amount to fewer steps; 0 for none
    config.seeds = 6  # number of seeds, from experiment.seed on; the same for every contender, so that runs are paired
    config.reference = ""  # the contender that the others are compared with
    config.baselines = True  # compare denoisers with methods that need no training, on the images of the first seed
    config.costs = True  # time the networks of denoisers after all runs have ended
    config.metric = "psnr"  # the metric of the verdict, as in the table of results
    config.margin = 0.0  # differences up to this are of no practical use, in the metric's unit
    return config
