"""Linear item-to-item models and factorisations."""
