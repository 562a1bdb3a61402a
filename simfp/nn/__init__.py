"""Layers and losses under torch's names and with its defaults."""

from simfp.nn import functional

__all__ = ["functional"]
