"""python -m experiments.benchmark: speed compared with other libraries."""
