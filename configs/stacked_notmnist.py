"""WIP

python -m experiments.main --config=configs/stacked_notmnist.py
"""

from ml_collections import ConfigDict

from configs import base, stacked_mnist


def get_config() -> ConfigDict:
    config = stacked_mnist.get_config()
    config.data.name = "notmnist"
    return config
