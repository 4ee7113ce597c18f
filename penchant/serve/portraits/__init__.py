"""Portraits of users as they are served: kept, refreshed, reviewed by people."""
