"""One file per tool: what its files look like, what its keys mean, how they are read."""
