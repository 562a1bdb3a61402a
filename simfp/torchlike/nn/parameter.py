"""torch.nn.parameter."""

from simfp.nn import Parameter

__all__ = ["Parameter"]
