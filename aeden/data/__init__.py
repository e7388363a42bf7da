"""Data sets: where the images come from, how they are split, and how batches are made from them."""
