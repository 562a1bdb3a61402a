"""Data in, Matplotlib Axes out."""
