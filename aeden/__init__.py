"""aeden: resize and convolve, or convolve transposed? Denoising autoencoders with either decoder."""

__version__ = "0.1.0"
