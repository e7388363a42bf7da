"""Restoring images, with or without training."""
