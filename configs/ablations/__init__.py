"""One file is one grid of experiments, run by `experiments.ablate`. `grid_base.py` lists all fields."""
