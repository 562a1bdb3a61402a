"""One forward and one backward pass under autocast, operation by operation: what runs in which format, and why."""
