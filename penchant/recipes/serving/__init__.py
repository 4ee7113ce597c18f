"""Ways to serve."""
