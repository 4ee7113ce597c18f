"""Layer 6: generate, merge, apply policy, explain; releases."""
