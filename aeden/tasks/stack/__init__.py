"""task="stack": stacked autoencoders with logistic regression on top."""
