"""Changes along a history, one point after another: one detector a file."""
