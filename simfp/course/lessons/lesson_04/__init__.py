"""Lesson 04: what fp16 makes of large numbers."""
