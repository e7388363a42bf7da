"""Metrics and statistics computed from arrays. Nothing here trains a network."""
