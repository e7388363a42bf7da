"""aeden: resize and convolve, or convolve transposed? Denoising autoencoders with either decoder."""

__version__ = "0.2.0"
