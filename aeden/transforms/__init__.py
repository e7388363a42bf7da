"""Functions (keys, images) -> images: noise and augmentation."""
