"""Portraits and language models in recommendation."""
