"""One step of a tensor core, opened."""
