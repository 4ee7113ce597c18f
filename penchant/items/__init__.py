"""Layer 4: what items are: encoders, semantic IDs, the code trie, the item space."""
