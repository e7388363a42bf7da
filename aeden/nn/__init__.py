"""Networks: layers, decoders, autoencoders, GANs. Needs jax, flax and numpy only."""
