"""Figures drawn from plain results. This package trains, loads and measures nothing."""
