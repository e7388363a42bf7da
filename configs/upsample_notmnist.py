from ml_collections import ConfigDict

from configs import base


def get_config() -> ConfigDict:
    config = base.get_config()
    config.data.name = "notmnist"
    config.model.decoder = "upsample"
    return config
