"""A trained network behind HTTP, for programs and for a browser."""
