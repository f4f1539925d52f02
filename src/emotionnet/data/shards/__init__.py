"""Data sets in WebDataset tar files: written, and read from a disk or any storage that fsspec knows."""
