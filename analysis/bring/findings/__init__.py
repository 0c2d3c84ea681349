"""What a reader must know of the runs: curves, selection, published figures, change."""
