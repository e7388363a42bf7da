"""The six decoders of `super_resolve_mnist.py` on photos, each tuned; tested on whole photos.

python -m experiments.ablate --config=configs/ablations/super_resolve_photos.py:2 --config.experiment.data.dir=my_photos
python -m experiments.ablate --config=configs/ablations/super_resolve_photos.py:4 --config.experiment.data.dir=my_photos
python -m experiments.ablate --config=configs/ablations/super_resolve_photos.py:2 \
    --config.experiment.data.dir=my_photos --config.experiment.data.channels=3 --workdir=runs/ablations/colour_x2

Gray photos in the first two commands, colour in the last. 42 trials (60 for the first command, since some of the best
rates lay near the edge of the range) and 54 runs of 1,500 steps of 16 crops each. The first took 55 minutes on two
cores of an Intel Xeon with AVX-512, the second 46, the last an hour and a half, partly with other work on the cores
(docs/results-super-resolution.md).
"""

from ml_collections import ConfigDict

from configs import super_resolve_photos
from configs.ablations import super_resolve_mnist


def get_config(factor: str = "2") -> ConfigDict:
    config = super_resolve_mnist.grid_of(super_resolve_photos.get_config(), factor)
    config.tuning.fields.learning_rate = (5e-4, 1e-2)
    return config
