"""What draws the pages of `aeden.data.pages`: fonts, words, blocks of text, figures, paper and its finish."""
