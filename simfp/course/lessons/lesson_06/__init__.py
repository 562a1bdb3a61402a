"""Lesson 06: what a tensor core adds, in what order, and what it throws away."""
