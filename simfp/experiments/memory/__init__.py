"""What a training step keeps in memory, and how fast it could be."""

from simfp.experiments.memory.training_step import memory

__all__ = ["memory"]
