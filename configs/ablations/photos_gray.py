"""Three decoders in the network for gray photos, three seeds each, at one learning rate.

python -m experiments.ablate --config=configs/ablations/photos_gray.py --config.experiment.data.dir=Train400 --jobs=1

nearest    resize to the nearest neighbour, then convolve (kernel 3)
k4         transposed convolution, kernel 4, stride 2: even overlap
k3         transposed convolution, kernel 3, stride 2: uneven overlap

Each run is one of configs/photos_gray.py, on your photos: name their folder, here Train400. It has its own test, on
whole images that it was not trained on; `aeden evaluate` measures the runs on other images, such as BSD68 and Set12.
All contenders have the same widths and the same rate, the best of three that were tried for nearest. Three seeds cannot
show a difference at the 5 % level: with two comparisons that takes seven (--config.seeds=7). --jobs=1 gives each run
all cores. Results: docs/results-photos.md.
"""

from ml_collections import ConfigDict

from configs import photos_gray
from configs.ablations import grid_base


def get_config() -> ConfigDict:
    config = grid_base.get_config()
    config.experiment = photos_gray.get_config()
    config.contenders.nearest = {"model": {"decoder": "upsample"}}
    config.contenders.k4 = {"model": {"decoder": "transpose", "decoder_kernel_size": 4}}
    config.contenders.k3 = {"model": {"decoder": "transpose"}}
    config.seeds = 3
    config.reference = "nearest"
    config.baselines = False  # they need images of one size: aeden evaluate --classical has them for photos
    return config
