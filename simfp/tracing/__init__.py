"""Trace: which operations ran, in which formats, and which rule of autocast chose them."""

from simfp.tracing.recording import REASONS, Backward, Forward, Gradient, Operand, Trace, reason

__all__ = ["REASONS", "Backward", "Forward", "Gradient", "Operand", "Trace", "reason"]
