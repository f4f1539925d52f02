"""Many benchmarks and runs: cells that are kept, and one table of them."""
