"""Lesson 03: what fp16 makes of small numbers."""
