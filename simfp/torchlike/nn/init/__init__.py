"""torch.nn.init: all of simfp.nn.init."""

from simfp.nn.init import *  # noqa: F403
from simfp.torchlike.names import hinting

__getattr__ = hinting(__name__)
