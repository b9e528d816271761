"""Training-serving skew, row by row: one question a file."""
