"""Layer 4: search over the item space: by words, by meaning, and both fused."""
