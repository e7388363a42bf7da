"""The machine and the disk: devices, processes, runs of several processes, cache, files, run folders, provenance."""
