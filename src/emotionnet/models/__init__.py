"""What is trained: trunks and heads."""
