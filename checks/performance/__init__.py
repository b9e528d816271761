"""Performance of a model against its labels: one metric a file."""
