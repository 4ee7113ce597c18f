"""Layer 4: what is known of a user beside the raw events."""
