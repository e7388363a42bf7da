"""One file = one grid of experiments, run by `experiments.ablate`; see `base.py` for the fields."""
