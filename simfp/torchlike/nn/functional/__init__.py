"""torch.nn.functional: all of simfp.nn.functional."""

from simfp.nn.functional import *  # noqa: F403
from simfp.torchlike.names import hinting

__getattr__ = hinting(__name__)
