"""Pictures of memory and speed."""
