"""Layer 0: errors, settings, seeds, progress, artifacts, assets. Imports nothing else of Penchant."""
