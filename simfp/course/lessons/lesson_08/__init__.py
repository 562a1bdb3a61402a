"""Lesson 08: how far gradients can be shifted, what stops one, and who looks for the place."""
