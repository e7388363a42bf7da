"""A run of several processes: joining, agreeing, waiting for each other, and ending when one of them is lost.

JAX's coordination service does the work; this package asks it, and says in one line what is wrong.
"""
