"""How fast the product is beside what a user would write by hand: one run, in turn, as ratios."""
