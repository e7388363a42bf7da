"""Experiments: one file each, over the defaults of configs/base.py."""
