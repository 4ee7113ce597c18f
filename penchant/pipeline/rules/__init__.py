"""Rules of a list: how they are written (``terms``, ``kinds``, ``file``), and what they do (the other files)."""
