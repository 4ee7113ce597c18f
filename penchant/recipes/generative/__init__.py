"""Systems that generate the codes of items."""
