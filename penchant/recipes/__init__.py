"""Published systems, one file each, over the shared parts. Found by discovery: nothing in the library imports one."""
