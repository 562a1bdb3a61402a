"""Trace: which operations ran, in which formats, and which rule of autocast chose them."""

from simfp.tracing.recording import REASONS, RULES, Backward, Forward, Gradient, Operand, Trace, reason

__all__ = ["REASONS", "RULES", "Backward", "Forward", "Gradient", "Operand", "Trace", "reason"]
