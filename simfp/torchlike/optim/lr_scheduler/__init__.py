"""torch.optim.lr_scheduler: all of simfp.optim.lr_scheduler."""

from simfp.optim.lr_scheduler import *  # noqa: F403
from simfp.torchlike.names import hinting

__getattr__ = hinting(__name__)
