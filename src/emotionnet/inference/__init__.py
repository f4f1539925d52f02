"""A run at work: pictures in, emotions out."""
