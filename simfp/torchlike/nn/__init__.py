"""torch.nn: all of simfp.nn, and its parts under torch's names."""

from simfp.nn import *  # noqa: F403
from simfp.torchlike.names import hinting
from simfp.torchlike.nn import functional, init, parameter, utils  # type: ignore[no-redef]

__all__ = ["functional", "init", "parameter", "utils"]

__getattr__ = hinting(__name__)
