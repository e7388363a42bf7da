"""task="super_resolve": train a network to enlarge images of low resolution."""
