"""The settings whose networks were trained on other noise, for docs/results-noises.md.

python -m experiments.settings --config=configs/settings/noises.py --document=docs/results-noises.md

A few seconds. What it reads is named in configs/settings/decoder_tables.py.
"""

from ml_collections import ConfigDict

from configs.settings import decoders


def get_config() -> ConfigDict:
    return decoders.part("noise_")
