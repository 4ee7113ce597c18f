"""Layer 8: the commands."""
