"""Module: a part of a network, with its parameters, its buffers and the parts that it is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np

from simfp import observe
from simfp.arrays import Array, overwrite
from simfp.autograd import Tensor
from simfp.devices import DeviceLike, as_device, is_device
from simfp.formats import Format
from simfp.integers import as_dtype
from simfp.nn import hooks, state
from simfp.nn.parameter import Parameter
from simfp.typing import DTypeLike

__all__ = ["Module"]

M = TypeVar("M", bound="Module")


class Module(hooks.Hooked):
    """Base class of layers, losses and networks, with torch's surface. A subclass has `forward`.

    Parameters, Modules, and what `register_buffer` is given, are found when they are assigned as attributes. While a
    module's `forward` runs, it is the `layer` of `observe.place()`.
    """

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Any]
    _modules: dict[str, Module | None]
    _transient: set[str]  # names of buffers that state_dict leaves out

    def __init__(self) -> None:
        vars(self).update(training=True, _parameters={}, _buffers={}, _modules={}, _transient=set())
        vars(self).update({kind: {} for kind in hooks.KINDS})

    def __call__(self, *args: Any, **options: Any) -> Any:
        """What `forward` gives, the hooks called around it."""
        with observe.at(layer=self):
            own = vars(self)
            for kind in hooks.KINDS:
                if own.get(kind):
                    return hooks.called(self, args, options)
            return self.forward(*args, **options)

    def forward(self, *args: Any, **options: Any) -> Any:
        """What the module computes.

        Raises NotImplementedError in a subclass without its own.
        """
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    # What it consists of.

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Adds a parameter, or a place for one."""
        self._check_name("parameter", name, self._parameters)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{_typename(param)}' object to parameter '{name}' (nn.Parameter or None required)"
            )
        if param is not None and param.grad_fn is not None:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created explicitly. "
                f"To express '{name}' as a function of another Tensor, compute the value in the forward() method."
            )
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Any, persistent: bool = True) -> None:
        """Adds state that is no parameter: a Tensor (Arrays become one), or a NumPy array of integers or truth values.

        persistent: whether it is part of the state_dict.
        """
        self._check_name("buffer", name, self._buffers)
        self._buffers[name] = _buffer(name, tensor)
        (self._transient.discard if persistent else self._transient.add)(name)

    def register_module(self, name: str, module: Module | None) -> None:
        """Adds a part."""
        self._check_name("module", name, self._modules)
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{_typename(module)} is not a Module subclass")
        self._modules[name] = module

    add_module = register_module

    def _check_name(self, what: str, name: str, among: dict[str, Any]) -> None:
        if not isinstance(name, str):
            raise TypeError(f"{what} name should be a string. Got {_typename(name)}")
        if "." in name:
            raise KeyError(f'{what} name can\'t contain "."')
        if not name:
            raise KeyError(f'{what} name can\'t be empty string ""')
        if hasattr(self, name) and name not in among:
            raise KeyError(f"attribute '{name}' already exists")

    def __getattr__(self, name: str) -> Any:
        for kind in ("_parameters", "_buffers", "_modules"):
            found = vars(self).get(kind, {})
            if name in found:
                return found[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        kinds = [vars(self).get(kind) for kind in ("_parameters", "_modules", "_buffers")]
        parameters, modules, buffers = kinds
        if isinstance(value, (Parameter, Module)) and parameters is None:
            what = "parameters" if isinstance(value, Parameter) else "module"
            raise AttributeError(f"cannot assign {what} before Module.__init__() call")
        if isinstance(value, (Parameter, Module)):
            own = parameters if isinstance(value, Parameter) else modules
            for kept in (vars(self), *kinds):
                if kept is not None and kept is not own:  # there it keeps its place in the order
                    kept.pop(name, None)
            (self.register_parameter if isinstance(value, Parameter) else self.register_module)(name, value)
        elif parameters is not None and name in parameters:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{_typename(value)}' as parameter '{name}' (nn.Parameter or None expected)"
                )
            parameters[name] = None
        elif modules is not None and name in modules:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{_typename(value)}' as child module '{name}' (nn.Module or None expected)"
                )
            modules[name] = None
        elif buffers is not None and name in buffers:
            buffers[name] = _buffer(name, value)
        else:
            super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        for kind in (self._parameters, self._modules, self._buffers):
            if name in kind:
                del kind[name]
                self._transient.discard(name)
                return
        super().__delattr__(name)

    # Going through it. What several parts share comes once.

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """The module itself, and all within it, by their full names.

        memo: modules to be left out. remove_duplicate: whether what several parts share comes once.
        """
        seen: set[int] = set(map(id, memo or ()))
        for name, module in self._walk(prefix):
            if id(module) not in seen or not remove_duplicate:
                seen.add(id(module))
                yield name, module

    def _walk(self, prefix: str) -> Iterator[tuple[str, Module]]:
        yield prefix, self
        for name, child in self._modules.items():
            if child is not None:
                yield from child._walk(f"{prefix}.{name}" if prefix else name)

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The parameters by their full names; `recurse` says whether those of its parts, too."""
        return self._named("_parameters", prefix, recurse, remove_duplicate)

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        """The buffers by their full names; `recurse` says whether those of its parts, too."""
        return self._named("_buffers", prefix, recurse, remove_duplicate)

    def _named(self, kind: str, prefix: str, recurse: bool, once: bool = True) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        modules = self.named_modules(prefix=prefix, remove_duplicate=once) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, each in vars(module)[kind].items():
                if each is not None and not (once and id(each) in seen):
                    seen.add(id(each))
                    yield f"{path}.{name}" if path else name, each

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The parts that it is directly made of, by their names."""
        seen: set[int] = set()
        for name, child in self._modules.items():
            if child is not None and id(child) not in seen:
                seen.add(id(child))
                yield name, child

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters."""
        return (p for _, p in self.named_parameters(recurse=recurse))

    def buffers(self, recurse: bool = True) -> Iterator[Any]:
        """The buffers."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def modules(self) -> Iterator[Module]:
        """The module itself, and all within it."""
        return (module for _, module in self.named_modules())

    def children(self) -> Iterator[Module]:
        """The parts that it is directly made of."""
        return (child for _, child in self.named_children())

    def get_submodule(self, target: str) -> Module:
        """The part of that full name; AttributeError if there is none."""
        module: Any = self
        for name in target.split(".") if target else []:
            module = module._modules.get(name) if isinstance(module, Module) else None
            if module is None:
                raise AttributeError(f"{type(self).__name__} has no part `{target}`")
        return module  # type: ignore[no-any-return]

    def get_parameter(self, target: str) -> Parameter:
        """The parameter of that full name; AttributeError if there is none."""
        return self._found(target, "_parameters", "parameter")  # type: ignore[no-any-return]

    def get_buffer(self, target: str) -> Any:
        """The buffer of that full name; AttributeError if there is none."""
        return self._found(target, "_buffers", "buffer")

    def _found(self, target: str, kind: str, what: str) -> Any:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        found = vars(module)[kind].get(name)
        if found is None:
            raise AttributeError(f"{type(module).__name__} has no {what} `{name}`")
        return found

    def set_submodule(self, target: str, module: Module) -> None:
        """Puts a module in the place of the part of that full name; AttributeError if there is no place for it."""
        path, _, name = target.rpartition(".")
        if not name:
            raise ValueError("Cannot set the submodule without a target name!")
        owner = self.get_submodule(path)
        if name not in owner._modules:
            raise AttributeError(f"{type(owner).__name__} has no part `{name}`")
        owner.register_module(name, module)

    # Changing it.

    def apply(self: M, fn: Callable[[Module], Any]) -> M:
        """Calls `fn` with every module, parts first."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def train(self: M, mode: bool = True) -> M:
        """Says to the module and all within it that they are being trained, or not."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self: M) -> M:
        """Says to the module and all within it that they are not being trained."""
        return self.train(False)

    def requires_grad_(self: M, requires_grad: bool = True) -> M:
        """Sets `requires_grad` of every parameter."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Gives up every parameter's gradient, or sets it to zero."""
        for p in self.parameters():
            if p.grad is not None:
                if set_to_none:
                    p.grad = None
                else:
                    overwrite(p.grad, np.zeros_like(p.grad._values))

    def to(
        self: M,
        *args: Any,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
        non_blocking: bool = False,
        **more: Any,
    ) -> M:
        """Brings every parameter, its gradient and every buffer into a format, each value rounded once.

        args: a Format or what `as_format` takes, or a Tensor, whose format is meant; or a device (see `simfp.devices`),
        which, as `non_blocking`, is taken for torch's sake.

        Raises TypeError for an unknown option or a type of integers, ValueError for an unknown format, RuntimeError for
        an unknown device; nothing is changed then.
        """
        if set(more) - {"memory_format"}:
            raise TypeError(f"Module.to() got an unexpected keyword argument {sorted(more)[0]!r}")
        as_device(device)
        for given in args:
            if is_device(given):
                as_device(given)
            elif given is not None and not isinstance(given, bool):
                dtype = getattr(given, "dtype", given)
        if dtype is not None:
            fmt = as_dtype(dtype)
            if not isinstance(fmt, Format):
                raise TypeError(
                    f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={fmt}"
                )
            for tensor in (*self.parameters(), *self.buffers()):
                if isinstance(tensor, Tensor):
                    _convert(tensor, fmt)
        return self

    def half(self: M) -> M:
        """Brings all into float16."""
        return self.to("float16")

    def bfloat16(self: M) -> M:
        """Brings all into bfloat16."""
        return self.to("bfloat16")

    def float(self: M) -> M:
        """Brings all into float32."""
        return self.to("float32")

    def cuda(self: M, device: DeviceLike | None = None) -> M:
        """The module itself: taken for torch's sake."""
        return self.to(device=device)

    def cpu(self: M) -> M:
        """The module itself: taken for torch's sake."""
        return self

    # Its state.

    def double(self: M) -> M:
        """Raises NotImplementedError: there is no float64 here."""
        raise NotImplementedError("simfp computes in formats of at most 24 bits' precision: there is no float64")

    def state_dict(
        self, *, destination: dict[str, Any] | None = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """Every parameter and persistent buffer under torch's keys, as a NumPy or ml_dtypes array, which is a copy.

        The arrays have a Tensor's methods, too (see `StateArray`): ``{name: x.clone() for name, x in ...}``.
        destination: a dict that they are added to. keep_vars: the parameters and buffers themselves. `np.savez` keeps
        the arrays, but for float8_e5m2, of which NumPy writes a type that it cannot read: `.view("V1")` is kept.
        `np.load` gives the bytes of bfloat16 and fp8, which `load_state_dict` reads in the parameter's format.
        """
        found: dict[str, Any] = {} if destination is None else destination
        found.update(state.save(self, prefix, keep_vars))
        return found

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> state.IncompatibleKeys:
        """Takes over a state_dict, torch's too: values are rounded to the formats that the module has.

        strict: whether a missing or an unknown key is an error. assign: parameters and buffers take the format of
        what is loaded instead; they stay the same objects, and lose their gradients.

        Raises RuntimeError where shapes differ or, if `strict`, keys do; the module is then as it was.
        """
        return state.load(self, state_dict, strict, assign)

    # How it is shown.

    def extra_repr(self) -> str:
        """What stands between the parentheses, parts apart."""
        return ""

    def __repr__(self) -> str:
        own = self.extra_repr()
        lines = own.split("\n") if own else []
        parts = [f"({name}): {_indented(repr(child))}" for name, child in self._modules.items()]
        if len(lines) == 1 and not parts:
            return f"{type(self).__name__}({own})"
        if not lines + parts:
            return f"{type(self).__name__}()"
        return "\n  ".join([f"{type(self).__name__}(", *lines, *parts]) + "\n)"

    def __dir__(self) -> Iterable[str]:
        return sorted({*super().__dir__(), *self._parameters, *self._buffers, *self._modules})


def _convert(tensor: Tensor, fmt: Format) -> None:
    """Brings a leaf and its gradient into `fmt`; it stays the same object, and integers stay as they are."""
    if tensor.dtype == fmt or not tensor.is_floating_point():
        return
    grad, tensor.grad = tensor.grad, None
    tensor.data = tensor.data.astype(fmt)
    tensor.grad = None if grad is None else grad.astype(fmt)


def _buffer(name: str, x: Any) -> Any:
    if isinstance(x, Array):
        return Tensor(x)
    if x is None or isinstance(x, Tensor) or (isinstance(x, np.ndarray) and x.dtype.kind in "iub"):
        return x
    if isinstance(x, np.ndarray):
        return Tensor(x)
    raise TypeError(f"cannot assign '{_typename(x)}' object to buffer '{name}' (Tensor, array or None required)")


def _typename(x: Any) -> str:
    kind = type(x)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")
