"""torch's names for a whole script: ``import simfp.torchlike as torch``, and wherever it says torch, this stands.

    import simfp.torchlike as torch
    import simfp.torchlike.nn as nn
    import simfp.torchlike.nn.functional as F
    from simfp.torchlike.utils.data import DataLoader

factories, chance    new tensors; random ones, which are NumPy's numbers and not torch's
dtypes, switches     formats and types; what scripts set at their beginning
grad_modes           no_grad, inference_mode and the like
saving               save and load, without pickle
nn, optim, amp, cuda, autograd, backends, utils.data    the parts of torch under their names
names, hints         what is not here, and what to use: `docs/torch_names.md` lists every name

All is simfp's own under the names that a script takes from torch: the arithmetic is that of torch's CUDA kernels,
"cpu" and "cuda" both name the one device, and what has no counterpart says so when it is asked for.
"""

from simfp.amp import GradScaler, autocast, get_autocast_dtype, is_autocast_enabled  # noqa: F401
from simfp.autograd import Tensor  # noqa: F401
from simfp.autograd.combined import *  # noqa: F403
from simfp.autograd.functions import *  # noqa: F403
from simfp.autograd.picking import *  # noqa: F403
from simfp.autograd.pointwise import *  # noqa: F403
from simfp.autograd.products import *  # noqa: F403
from simfp.autograd.truth import *  # noqa: F403
from simfp.devices import Device as device  # noqa: F401
from simfp.torchlike import amp, autograd, backends, cuda, methods, nn, optim, utils  # noqa: F401
from simfp.torchlike.chance import *  # noqa: F403
from simfp.torchlike.constants import e, inf, nan, newaxis, pi  # noqa: F401
from simfp.torchlike.dtypes import *  # noqa: F403
from simfp.torchlike.factories import *  # noqa: F403
from simfp.torchlike.grad_modes import *  # noqa: F403
from simfp.torchlike.names import hinting
from simfp.torchlike.saving import load, save  # noqa: F401
from simfp.torchlike.switches import *  # noqa: F403

Size = tuple  # type: ignore[type-arg]  # of a tensor's shape
strided = contiguous_format = preserve_format = None  # what `layout` and `memory_format` take: there is one

__getattr__ = hinting(__name__)
