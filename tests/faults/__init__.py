"""Faults put into a small study that the real Snakefile runs: what is killed, damaged or full, and
how it ends.
"""
