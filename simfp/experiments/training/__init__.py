"""Training: tasks, models, data, recipes; a run of one under the other; sweeps, and statistics over seeds."""

from simfp.experiments.training.run import Training

__all__ = ["Training"]
