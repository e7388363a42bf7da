"""The six decoders of `super_resolve_mnist.py` on photos, two and four times, each tuned; tested on whole photos.

python -m experiments.ablate --config=configs/ablations/super_resolve_photos.py --config.experiment.data.dir=my_photos
python -m experiments.ablate --config=configs/ablations/super_resolve_photos.py --config.experiment.data.dir=my_photos \
    --config.experiment.data.channels=3 --workdir=runs/ablations/super_resolve_colour

Gray photos in the first command, colour in the second. 108 trials and 108 runs of 1,500 steps of 16 crops each. Not
measured yet. By counting: 10 to 46 million multiplications per crop, and 409 trillion in all training steps on gray
photos, at three times the forward pass.
"""

from ml_collections import ConfigDict

from configs import super_resolve_photos
from configs.ablations import grid_base, super_resolve_mnist


def get_config() -> ConfigDict:
    config = grid_base.get_config()
    config.experiment = super_resolve_photos.get_config()
    config.contenders = super_resolve_mnist.contenders()
    config.axes = {"super_resolve": {"factor": (2, 4)}}
    config.tuning.fields.learning_rate = (5e-4, 1e-2)
    config.tuning.trials = 9
    config.seeds = 9
    config.reference = "nearest"
    return config
