"""Layer 3: honest measurement. Metrics take plain ranked lists; only ``protocol`` ever sees a model."""
