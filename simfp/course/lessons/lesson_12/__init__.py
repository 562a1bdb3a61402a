"""Lesson 12: whether simfp makes the bits that a GPU makes, and where it does not."""
