"""Lesson 02: what becomes of the numbers that a format does not own."""
