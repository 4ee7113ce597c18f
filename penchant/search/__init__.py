"""Layer 4: search by words, by meaning, and by both."""
