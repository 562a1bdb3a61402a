"""One value, a heap of values, a sum: what formats, roundings and orders make of them."""
