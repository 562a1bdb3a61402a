"""Learning-rate schedules under torch's names, in the very double arithmetic of torch's.

torch computes most of them from one epoch to the next, from the learning rate that the group has now; so does this.

base      what all have in common
factors   the learning rate times something, epoch by epoch
cosine    along a cosine, once or with restarts
cycles    up and down, the momentum against it
combined  several schedules, one after the other or at once
plateau   when a measure no longer gets better
"""

from simfp.optim.lr_scheduler.base import LRScheduler
from simfp.optim.lr_scheduler.combined import ChainedScheduler, SequentialLR
from simfp.optim.lr_scheduler.cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from simfp.optim.lr_scheduler.cycles import CyclicLR, OneCycleLR
from simfp.optim.lr_scheduler.factors import (
    ConstantLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from simfp.optim.lr_scheduler.plateau import ReduceLROnPlateau

__all__ = [
    "ChainedScheduler", "ConstantLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "CyclicLR", "ExponentialLR",
    "LRScheduler", "LambdaLR", "LinearLR", "MultiStepLR", "MultiplicativeLR", "OneCycleLR", "PolynomialLR",
    "ReduceLROnPlateau", "SequentialLR", "StepLR",
]  # fmt: skip
