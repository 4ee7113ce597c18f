"""Layer 1: language models behind one small interface: asked in batches, cached, and never believed without a check."""
