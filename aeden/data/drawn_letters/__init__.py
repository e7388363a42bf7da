"""What draws the images of `aeden.data.letters`: glyphs, textures, and photos behind them."""
