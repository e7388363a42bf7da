"""task="gan": a generator with either decoder."""
