"""The hot loops, compiled by Numba and cached on disk. They know nothing of formats: only of integers."""
