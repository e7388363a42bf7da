"""python -m experiments.settings: one verdict over all settings at which contenders were compared."""
