"""Two towers and the indexes that search them."""
