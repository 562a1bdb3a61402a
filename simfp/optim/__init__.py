"""Optimizers under torch's names, in the arithmetic of torch's foreach kernels on CUDA, to the last bit.

All take torch's arguments, and three of their own: the state in another format, and the weights' update rounded
stochastically or compensated as Kahan's sum is (see `Optimizer`). Learning-rate schedules are in
`simfp.optim.lr_scheduler`.
"""

from simfp.optim import lr_scheduler
from simfp.optim.adagrad import Adagrad
from simfp.optim.adam import Adam, AdamW
from simfp.optim.adamax import Adamax
from simfp.optim.optimizer import Optimizer
from simfp.optim.rmsprop import RMSprop
from simfp.optim.sgd import SGD

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Adamax", "Optimizer", "RMSprop", "lr_scheduler"]
