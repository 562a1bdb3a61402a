"""Lesson 01: which numbers a format owns, and how its codes spell them."""
