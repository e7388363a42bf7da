"""The settings of super-resolution, for docs/results-super-resolution.md.

python -m experiments.settings --config=configs/settings/super_resolution.py --document=docs/results-super-resolution.md

A few seconds. What it reads is named in configs/settings/decoder_tables.py.
"""

from ml_collections import ConfigDict

from configs.settings import decoders


def get_config() -> ConfigDict:
    return decoders.part("super_resolve_")
