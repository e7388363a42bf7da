"""The machine and the disk: devices, processes, cache, run folders."""
