"""Data sets, training loops, sweeps: they return plain data."""
