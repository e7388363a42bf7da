"""One package per value of config.task."""
