"""Figures drawn from plain results; nothing here computes."""
