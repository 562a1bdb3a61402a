"""Lesson 09: updates that are too small for their weights."""
