"""Layer 1: events, catalogue, data sets, sources, validation, splits, histories, batches."""
