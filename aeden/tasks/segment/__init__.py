"""task="segment": train a network to say of each pixel to which class it belongs."""
