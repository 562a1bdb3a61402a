"""Lesson 11: fp16 or bf16, and what each of the six recipes is good for."""
