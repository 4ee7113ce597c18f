"""Layer 6: collaborative filtering on the graph of users and items."""
