"""Figures computed from arrays; nothing here trains."""
