"""Lesson 13: what mixed precision buys in memory and time, and what it costs in quality."""
