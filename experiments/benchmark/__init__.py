"""`python -m experiments.benchmark`: the speed of aeden compared with other libraries."""
