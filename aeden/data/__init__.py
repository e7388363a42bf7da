"""Image sets: where they come from, how they are split, and how batches are drawn from them."""
