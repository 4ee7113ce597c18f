"""Layer 5: whole models by job."""
