"""That the comparison finds what it is there to find."""
