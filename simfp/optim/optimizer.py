"""What every optimizer has: groups of parameters with their options, state, and torch's state_dict.

A parameter is whatever has `data` (an Array; it may be assigned), `grad` (an Array or None; likewise), `is_leaf` and
the hash of an object. Updates are written into the memory of `data`: whatever shares it sees them.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from itertools import chain
from typing import Any

import numpy as np

from simfp import observe
from simfp.arrays import Array, array, overwrite, owned
from simfp.autograd import Tensor
from simfp.elementwise import FLOAT32
from simfp.foreach import Foreach, Values
from simfp.formats import Format, as_format
from simfp.randomness import Chance
from simfp.saved_arrays import from_bytes

__all__ = ["Optimizer", "check_not_negative", "is_tensor"]

OWN_OPTIONS: dict[str, Any] = {"state_dtype": None, "update_rounding": "nearest_even", "kahan": False}
UPDATE_ROUNDINGS = ("nearest_even", "stochastic")
OPTION_NAMES = {"lr": "learning rate", "eps": "epsilon value"}  # what torch calls them in its messages
OTHER_ARITHMETIC = ("fused", "capturable", "differentiable")  # torch's, and not modelled


class Optimizer:
    """Base class of optimizers, with torch's surface. A subclass has `update`, or a `step` of its own.

    params: parameters, or pairs (name, parameter), or dicts with "params" and options for these alone.
    defaults: the options of groups that do not say otherwise.
    rng: for stochastic rounding, a numpy Generator or a seed.

    Every optimizer here takes three options that torch has not, for whole runs or single groups:

    - ``state_dtype``: the format of the buffers (momentum, moments); if not given, the parameter's own.
    - ``update_rounding="stochastic"``: the weights are rounded up or down by chance, so that an update too small for
      nearest-even still comes through in the mean. `rng` is the source of chance.
    - ``kahan=True``: what each update of the weights lost is kept in a buffer of their format, and goes into the next
      one (Zamirai et al., "Revisiting BFloat16 Training", 2020; with AdamW's decay going the same way).

    Raises ValueError for no parameters, non-leaf ones, or those in two groups, TypeError for what is no parameter.
    """

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any], *, rng: Chance = None) -> None:
        self.defaults = OWN_OPTIONS | defaults
        if is_tensor(params) or isinstance(params, Array):
            name = type(params).__name__
            raise TypeError(
                f"params argument given to the optimizer should be an iterable of Tensors or dicts, but got {name}"
            )
        self.state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        self.rng = None if rng is None else np.random.default_rng(rng)
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Updates every parameter that has a gradient; the result of `closure`, called first, or None."""
        loss = None if closure is None else closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    _check_gradient(p)
                    with observe.at(phase="update", layer=None, parameter=p, inputs=(p.data, p.grad)):
                        self.update(p, group)
                        if isinstance(p, Tensor):  # a graph that needs the old weights cannot be walked any more
                            p.count_change()
        return loss

    def update(self, p: Any, group: dict[str, Any]) -> None:
        """Updates one parameter, which has a gradient, by the options of its group.

        Raises NotImplementedError, as torch's base class does, in a subclass with neither this nor a `step` of its own.
        """
        raise NotImplementedError(f"{type(self).__name__} has neither an `update` nor a `step` of its own")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Gives up every parameter's gradient, or sets it to zero."""
        for p in chain.from_iterable(group["params"] for group in self.param_groups):
            if p.grad is not None:
                if set_to_none:
                    p.grad = None
                else:
                    overwrite(p.grad, np.zeros_like(p.grad._values))

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds parameters, and options for these alone."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        given = param_group["params"]
        if isinstance(given, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors "
                "in sets will change between runs. Please use a list instead."
            )
        listed = [given] if is_tensor(given) else list(given)
        names = [each[0] for each in listed if isinstance(each, tuple)]
        if names and len(names) < len(listed):
            raise ValueError("all optimizer params should be with/without names. Some param names are missing")
        params = [each[1] for each in listed] if names else listed
        for p in params:
            if not is_tensor(p):
                name = type(p).__name__
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {name}")
            if not (p.is_leaf or getattr(p, "retains_grad", False)):
                raise ValueError("can't optimize a non-leaf Tensor")
        group = self.defaults | param_group | {"params": params} | ({"param_names": names} if names else {})
        self._check_options(group)
        if len(set(map(id, params))) < len(params):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error",
                stacklevel=3,
            )
        if any(("param_names" in other) != bool(names) for other in self.param_groups):
            with_names = "with names" if names else "without names"
            raise ValueError(
                "all optimizer param groups should be with/without names. "
                f"cannot add param group {with_names} to the optimizer"
            )
        known = {id(p) for other in self.param_groups for p in other["params"]}
        if known & set(map(id, params)):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(group)

    def state_dict(self) -> dict[str, Any]:
        """The state as torch has it: parameters by their number, and buffers as NumPy arrays, which are copies."""
        everyone = list(chain.from_iterable(group["params"] for group in self.param_groups))
        numbers: dict[int, int] = {}
        for i, p in enumerate(everyone):
            numbers.setdefault(id(p), i)
        state = {
            numbers.get(id(key), key): {name: _packed(name, value) for name, value in kept.items()}
            for key, kept in self.state.items()
        }
        groups = []
        for group in self.param_groups:
            options = {name: value for name, value in group.items() if name != "params"}
            groups.append(options | {"params": [numbers[id(p)] for p in group["params"]]})
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over a state_dict, torch's too; buffers are rounded to the format that they have here.

        Raises ValueError where groups, options or shapes do not fit, TypeError or KeyError for what is no such
        state_dict; the optimizer is then as it was.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"expected a state_dict of an optimizer, got {type(state_dict).__name__}")
        for name in ("state", "param_groups"):
            if name not in state_dict:
                raise KeyError(f"the state_dict of an optimizer has no {name!r}")
        kept_of = state_dict["state"]
        if not isinstance(kept_of, Mapping) or not all(isinstance(kept, Mapping) for kept in kept_of.values()):
            raise TypeError(f"the 'state' of an optimizer's state_dict must hold dicts, got {kept_of!r:.80}")
        groups = state_dict["param_groups"]
        if not isinstance(groups, (list, tuple)) or not all(isinstance(group, Mapping) for group in groups):
            raise TypeError(
                f"the 'param_groups' of an optimizer's state_dict must be a list of dicts, got {groups!r:.80}"
            )
        if not all(isinstance(group["params"], (list, tuple)) for group in groups):
            raise TypeError("the 'params' of each of an optimizer's param_groups must be a list of numbers")
        saved: list[dict[str, Any]] = deepcopy(list(groups))
        if len(saved) != len(self.param_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(new["params"]) != len(old["params"]) for new, old in zip(saved, self.param_groups)):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
            )
        owner: dict[int, tuple[Any, dict[str, Any]]] = {}
        for new, old in zip(saved, self.param_groups):
            owner |= {number: (p, new) for number, p in zip(new["params"], old["params"])}
            new["params"] = old["params"]
            if "param_names" in old:
                new.setdefault("param_names", old["param_names"])
            for name, value in self.defaults.items():
                new.setdefault(name, value)
            self._check_options(new)
        state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        for number, kept in kept_of.items():
            if number in owner:
                p, group = owner[number]
                state[p] = {name: self._unpacked(name, value, p, group) for name, value in kept.items()}
            else:
                state[number] = deepcopy(kept)
        self.state, self.param_groups = state, saved

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {name}: {group[name]}" for name in sorted(group) if name != "params"]
        return "\n".join([*lines, ")"])

    def __getstate__(self) -> dict[str, Any]:
        return {name: vars(self)[name] for name in ("defaults", "state", "param_groups", "rng")}

    # What subclasses build their `update` from.

    def state_format(self, p: Any, group: dict[str, Any]) -> Format:
        """The format of a parameter's buffers."""
        given = group["state_dtype"]
        return p.data.dtype if given is None else as_format(given)  # type: ignore[no-any-return]

    def is_plain(self, p: Any, group: dict[str, Any]) -> bool:
        """Whether all is float32, rounded to nearest and unobserved, so that a fused kernel gives the same bits."""
        plain = p.data.dtype == FLOAT32 and self.state_format(p, group) == FLOAT32
        plain = plain and group["update_rounding"] == "nearest_even" and not group["kahan"]
        return plain and not observe.somebody_listens()

    def buffer(self, p: Any, group: dict[str, Any], name: str) -> Array:
        """A buffer of the parameter's state; zeros in its shape and the state's format when first asked for.

        Raises ValueError where the buffer is of another shape or format by now.
        """
        kept, fmt, shape = self.state[p], self.state_format(p, group), p.data.shape
        if kept.get(name) is None:
            kept[name] = owned(np.zeros(shape, fmt.carrier), fmt)
        buffer: Array = kept[name]
        if buffer.shape != shape or buffer.dtype != fmt:
            raise ValueError(
                f"`{name}` of shape {buffer.shape} in {buffer.dtype} does not fit a parameter of shape {shape}, "
                f"whose state is to be {fmt}"
            )
        return buffer

    def moved(
        self,
        p: Any,
        group: dict[str, Any],
        operation: str,
        move: Callable[[Foreach, Values], Values],
        decay: float = 0.0,
    ) -> None:
        """The weights become ``move(tensors, x * (1 - decay))``, each step rounded, the product left out without decay.

        `move` makes one operation. Whoever listens is told what it set out from: the weights, or where there is one
        the compensation, which is where an update is lost that is lost.
        """
        fmt, x = p.data.dtype, p.data._values
        if group["kahan"]:
            kept, weights = self.state[p], Foreach(fmt, operation)
            lost = kept["compensation"]._values if "compensation" in kept else np.zeros_like(x)
            if decay:
                lost = weights.add(lost, x, alpha=-decay)
            lost = move(weights._replace(start=lost), lost)
            new = weights.compute(np.add, x, lost)
            lost = weights.compute(np.add, lost, weights.compute(np.subtract, x, new))
            kept["compensation"] = owned(lost, fmt)
        else:
            weights = Foreach(fmt, operation, group["update_rounding"], self.rng)
            new = move(weights._replace(start=x), weights.multiply(x, 1 - decay) if decay else x)
        overwrite(p.data, new)

    def _check_options(self, group: dict[str, Any]) -> None:
        """Raises ValueError for options that no step could follow."""
        for name in OTHER_ARITHMETIC:
            if group.get(name):
                raise ValueError(f"{name}=True is another arithmetic in torch, which simfp does not model")
        if group["update_rounding"] not in UPDATE_ROUNDINGS:
            valid = ", ".join(UPDATE_ROUNDINGS)
            raise ValueError(f"unknown update_rounding {group['update_rounding']!r}; expected one of {valid}")
        if group["update_rounding"] == "stochastic":
            if group["kahan"]:
                raise ValueError('choose one of update_rounding="stochastic" and kahan=True')
            if self.rng is None:
                raise ValueError('update_rounding="stochastic" needs `rng`, a numpy Generator or a seed')
        if group["state_dtype"] is not None:
            as_format(group["state_dtype"])

    def _unpacked(self, name: str, value: Any, p: Any, group: dict[str, Any]) -> Any:
        """What a state_dict holds under a name, as it stands in the state; arrays in the format that they have here."""
        if hasattr(value, "detach") and not isinstance(
            value, Array
        ):  # a torch tensor; float() because NumPy knows no bfloat16
            value = value.detach().cpu().float().numpy()
        if name == "step":
            return float(value)
        if isinstance(value, np.ndarray) and value.dtype.type is np.void:
            value = from_bytes(value, p.data.dtype if name == "compensation" else self.state_format(p, group))
        if not isinstance(value, Array) and not (isinstance(value, np.ndarray) and value.dtype.kind in "fV"):
            return deepcopy(value)
        if value.shape != p.data.shape:
            raise ValueError(f"`{name}` of shape {value.shape} does not fit a parameter of shape {p.data.shape}")
        return array(value, p.data.dtype if name == "compensation" else self.state_format(p, group))


def check_not_negative(**options: float) -> None:
    """Raises ValueError, in torch's words, for the first option that is negative or NaN."""
    for name, value in options.items():
        if not value >= 0.0:
            raise ValueError(f"Invalid {OPTION_NAMES.get(name, f'{name} value')}: {value}")


def is_tensor(x: Any) -> bool:
    """Whether `x` has an Array as `data`, as tensors and parameters have."""
    return isinstance(getattr(x, "data", None), Array)


def _packed(name: str, value: Any) -> Any:
    """What stands in the state under a name, as a state_dict holds it."""
    if isinstance(value, Array):
        return value.to_numpy()
    return np.array(value, np.float32) if name == "step" else deepcopy(value)


def _check_gradient(p: Any) -> None:
    """Raises ValueError where a gradient does not fit its parameter."""
    g, x = p.grad, p.data
    if g.shape != x.shape or g.dtype != x.dtype:
        raise ValueError(
            f"a gradient of shape {g.shape} in {g.dtype} does not fit a parameter of shape {x.shape} in {x.dtype}"
        )
