"""The machine and the disk: devices, hosts, processes, cache, files, run folders, provenance."""
