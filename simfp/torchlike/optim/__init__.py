"""torch.optim: all of simfp.optim."""

from simfp.optim import *  # noqa: F403
from simfp.torchlike.names import hinting
from simfp.torchlike.optim import lr_scheduler  # type: ignore[no-redef]

__all__ = ["lr_scheduler"]

__getattr__ = hinting(__name__)
