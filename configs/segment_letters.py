"""Segmenting letters over textures: which pixel belongs to which of A-J, in images of 32 x 32 pixels.

    python -m experiments.main --config=configs/segment_letters.py
    python -m experiments.main --config=configs/segment_letters.py --config.model.skip=False --workdir=runs/no_skips

Three stages, since a letter of 20 pixels has to fit into what the deepest one sees; skip connections keep the edges.
`summary.json` has the figures of the network (`test.mean_iou`, `test.boundary_f1`) and of the baseline, a threshold and
connected components (`threshold.mean_iou`).

Two to three minutes on one core of an AMD EPYC: mean IoU 0.484 (on two CPU devices 0.496) and 0.309 for the baseline,
boundary F1 0.837 and 0.619, pixel accuracy 0.943 and 0.891 (seed 0). It needs most of its eight epochs: after half of
them (--config.epochs=4 --config.learning_rate=2e-2) mean IoU is 0.308, that of the baseline.
"""

from ml_collections import ConfigDict

from configs import base


def get_config() -> ConfigDict:
    config = base.get_config()
    config.task = "segment"
    config.data.name, config.data.side = "letters", 32
    config.noise.level = 0.0
    config.model.decoder = "upsample"
    config.model.features = (16, 32, 64)
    config.model.decoder_features = (64, 32, 16)
    config.model.factors = (2, 2, 2)
    config.model.skip = True
    config.epochs = 8.0
    config.batch_size = 16
    config.learning_rate = 1e-2
    return config
