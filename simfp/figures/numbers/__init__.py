"""Pictures of single values, of heaps of values, and of sums."""
