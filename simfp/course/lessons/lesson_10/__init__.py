"""Lesson 10: which operation autocast runs in which format, and what its cache does."""
