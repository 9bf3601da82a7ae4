"""The board: which runs go on and which wait for what, and the workers that carry them out."""
