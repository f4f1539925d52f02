"""What images exist, on disk and decoded."""
