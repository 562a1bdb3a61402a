"""Layers and losses under torch's names, with its arguments, its defaults and the distributions that it begins with.

module, parameter           what a module is; parameters
hooks, state                what is called around a forward and a backward; state_dict and back
containers                  Sequential, ModuleList, ModuleDict
linear, convolution, embedding, normalization, attention    layers with parameters
activations                 layers without
losses                      losses
functional                  all of it as functions
init, randomness            how parameters begin, and where chance comes from: `nn.manual_seed`, `nn.get_rng_state`
utils                       clip_grad_norm_, clip_grad_value_
"""

from simfp.nn import functional, init, utils
from simfp.nn.activations import (
    GELU,
    Dropout,
    Flatten,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from simfp.nn.attention import MultiheadAttention
from simfp.nn.containers import ModuleDict, ModuleList, Sequential
from simfp.nn.convolution import AvgPool2d, Conv2d, MaxPool2d
from simfp.nn.embedding import Embedding
from simfp.nn.linear import Identity, Linear
from simfp.nn.losses import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HuberLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
    SmoothL1Loss,
)
from simfp.nn.module import Module
from simfp.nn.normalization import BatchNorm1d, BatchNorm2d, GroupNorm, LayerNorm, RMSNorm
from simfp.nn.parameter import Parameter
from simfp.nn.randomness import get_rng_state, manual_seed, set_rng_state

__all__ = [
    "GELU", "AvgPool2d", "BCELoss", "BCEWithLogitsLoss", "BatchNorm1d", "BatchNorm2d", "Conv2d", "CrossEntropyLoss",
    "Dropout", "Embedding", "Flatten", "GroupNorm", "HuberLoss", "Identity", "L1Loss", "LayerNorm", "LeakyReLU",
    "Linear", "LogSoftmax", "MSELoss", "MaxPool2d", "Module", "ModuleDict", "ModuleList", "MultiheadAttention",
    "NLLLoss", "Parameter", "RMSNorm", "ReLU", "Sequential", "SiLU", "Sigmoid", "SmoothL1Loss", "Softmax", "Softplus",
    "Tanh", "functional", "get_rng_state", "init", "manual_seed", "set_rng_state", "utils",
]  # fmt: skip
