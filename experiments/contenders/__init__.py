"""The contenders of `experiments.benchmark`: the same network, noise, loss and optimiser, written for each library.

Each runs in a process of its own, see `__main__.py`. A job is a function of a number of steps that returns when they
are done, made by a function of the job's settings.
"""
