"""A number dragged along the line of a format, and where each rounding sends it."""
