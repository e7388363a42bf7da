"""Restoring images, with a trained network or without one."""
