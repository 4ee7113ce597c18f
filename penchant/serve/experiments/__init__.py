"""Experiments: who sees what, what came of it, and what that allows to say."""
