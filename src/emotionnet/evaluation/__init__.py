"""What measures frozen weights."""
