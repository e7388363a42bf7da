"""The settings of classification by the code of a frozen encoder, for docs/results-classes.md.

python -m experiments.settings --config=configs/settings/features.py --document=docs/results-classes.md

A few seconds. What it reads is named in configs/settings/decoder_tables.py.
"""

from ml_collections import ConfigDict

from configs.settings import decoders


def get_config() -> ConfigDict:
    return decoders.part("features_")
