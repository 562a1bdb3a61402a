"""Lesson 05: why a sum stops growing, and what keeps it going."""
