"""Lesson 00: how bets, sliders and exercises work, and how many numbers a format has."""
