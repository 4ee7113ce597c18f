"""Penchant: recommendation and search in the age of language models."""

__version__ = "0.1.0"
