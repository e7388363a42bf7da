"""task="denoise": train a denoising autoencoder."""
