"""A brought study as a results folder, and a study of the suite as plain files."""
