"""Segmenting letters over textures: which pixel belongs to which of A-J, in images of 64 x 64 pixels.

    python -m experiments.main --config=configs/segment_letters.py
    python -m experiments.main --config=configs/segment_letters.py --config.model.skip=False --workdir=runs/no_skips

Four stages, since a letter of 40 pixels has to fit into what the deepest one sees; skip connections keep the edges.
`summary.json` has the figures of the network (`test.mean_iou`, `test.boundary_f1`) and of the baseline, a threshold and
connected components (`threshold.mean_iou`).

Not measured yet at this length. Half of it (--config.epochs=3, four minutes of CPU time on an AMD EPYC, seed 0) is too
short to beat the baseline in mean IoU: 0.174 and 0.327; boundary F1 is 0.524 and 0.595, pixel accuracy 0.883 and 0.881.
A U-Net learns faster: one of (16, 32, 64, 128) channels has a mean IoU of 0.197 on validation after 1,000 steps of 16
images, at a rate of 2e-3; it has not been trained to the end.
"""

from ml_collections import ConfigDict

from configs import base


def get_config() -> ConfigDict:
    config = base.get_config()
    config.task = "segment"
    config.data.name = "letters"
    config.noise.level = 0.0
    config.model.decoder = "upsample"
    config.model.features = (8, 24, 64, 128)
    config.model.decoder_features = (64, 32, 16, 8)
    config.model.factors = (2, 2, 2, 2)
    config.model.skip = True
    config.epochs = 6.0
    config.batch_size = 8
    config.learning_rate = 5e-3
    return config
