"""Layer 3: losses and their negatives."""
