"""python -m experiments.ablate: grids of experiments and their comparison."""
