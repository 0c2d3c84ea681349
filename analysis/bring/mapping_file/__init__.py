"""The mapping file: what a comparison needs and no file says."""
