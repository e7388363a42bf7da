"""The commands: every file runs as `python -m experiments.NAME`."""
