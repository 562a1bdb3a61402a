"""Lesson 07: which gradients vanish in fp16, where, and what it takes to keep them."""
