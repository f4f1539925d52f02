"""Public benchmarks as they are distributed: one adapter for each, in the dict of `catalogue`."""
