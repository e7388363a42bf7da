"""One file is one verdict over settings, made by `experiments.settings`. `base.py` lists all fields."""
