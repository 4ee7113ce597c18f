"""Layer 3: one training loop for every network."""
