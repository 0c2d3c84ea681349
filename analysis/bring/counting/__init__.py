"""Samples, counts and totals, as counts per question."""
