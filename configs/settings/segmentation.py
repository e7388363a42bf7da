"""The settings of segmentation, for docs/results-segmentation.md.

python -m experiments.settings --config=configs/settings/segmentation.py --document=docs/results-segmentation.md

A few seconds. What it reads is named in configs/settings/decoder_tables.py.
"""

from ml_collections import ConfigDict

from configs.settings import decoders


def get_config() -> ConfigDict:
    return decoders.part("segment_")
