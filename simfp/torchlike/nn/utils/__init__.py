"""torch.nn.utils: all of simfp.nn.utils."""

from simfp.nn.utils import *  # noqa: F403
from simfp.torchlike.names import hinting

__getattr__ = hinting(__name__)
