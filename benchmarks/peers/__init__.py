"""Penchant against other libraries: the same events, the same shapes, the same machine, in turns. See ``__main__``."""
