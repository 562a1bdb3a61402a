"""Hooks of modules and tensors beside torch's: the same programs on both sides, and what each saw, in order."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import simfp as sf
from simfp import nn

pytestmark = pytest.mark.torch

WEIGHTS = np.random.default_rng(0).integers(-4, 5, (3, 4, 4)).astype(np.float32) / 4  # products are exact
X = np.random.default_rng(1).integers(-4, 5, (2, 4)).astype(np.float32)


class Side:
    """One of the two libraries, and a log of what its hooks saw."""

    def __init__(self, ours: bool) -> None:
        self.nn: Any = nn if ours else torch.nn
        self.ours, self.log = ours, []  # type: ignore[var-annotated]

    def tensor(self, values: Any, grad: bool = True) -> Any:
        values = np.asarray(values, np.float32)
        return sf.Tensor(values, requires_grad=grad) if self.ours else torch.tensor(values, requires_grad=grad)

    def model(self) -> Any:
        made = self.nn.Sequential(self.nn.Linear(4, 4, bias=False), self.nn.ReLU(), self.nn.Linear(4, 4, bias=False))
        for layer, weight in ((made[0], WEIGHTS[0]), (made[2], WEIGHTS[1])):
            layer.weight.data = sf.array(weight) if self.ours else torch.tensor(weight)
        return made

    def module(self, forward: Callable[..., Any]) -> Any:
        made = self.nn.Module()
        made.forward = forward
        return made

    def note(self, *seen: Any) -> None:
        self.log.append([plain(each) for each in seen])


def plain(x: Any) -> Any:
    """Numbers, whoever holds them."""
    if isinstance(x, (tuple, list)):
        return [plain(each) for each in x]
    if isinstance(x, dict):
        return {key: plain(each) for key, each in x.items()}
    if isinstance(x, (sf.Tensor, sf.Array, torch.Tensor)):
        return x.tolist()
    return type(x).__name__ if hasattr(x, "register_forward_hook") else x


def forward_hooks_in_order(s: Side) -> None:
    model = s.model()
    for name, part in model.named_modules():
        part.register_forward_pre_hook(lambda m, args, name=name: s.note("before", name, args))
        part.register_forward_hook(lambda m, args, out, name=name: s.note("after", name, args, out))
    model[1].register_forward_hook(lambda m, args, out: s.note("first"), prepend=True)
    model[1].register_forward_pre_hook(lambda m, args: s.note("first"), prepend=True)
    s.note(model(s.tensor(X)))


def what_forward_hooks_return(s: Side) -> None:
    model = s.model()
    model[0].register_forward_pre_hook(lambda m, args: args[0] * 2)
    model[0].register_forward_pre_hook(lambda m, args: (args[0] + 1,))
    model[0].register_forward_hook(lambda m, args, out: out * 4)
    model[0].register_forward_hook(lambda m, args, out: s.note(args, out))
    x = s.tensor(X)
    out = model(x)
    out.sum().backward()
    s.note(out, x.grad, model[0].weight.grad)


def keywords(s: Side) -> None:
    part = s.module(lambda x, *, scale=1.0: x * scale)
    part.register_forward_pre_hook(lambda m, args, kwargs: (args, kwargs | {"scale": 3.0}), with_kwargs=True)
    part.register_forward_hook(lambda m, args, kwargs, out: s.note(args, kwargs, out), with_kwargs=True)
    s.note(part(s.tensor(X), scale=2.0))


def bad_keywords(s: Side) -> None:
    part = s.module(lambda x: x)
    part.register_forward_pre_hook(lambda m, args, kwargs: (args,), with_kwargs=True)
    with pytest.raises(RuntimeError, match="forward pre-hook must return None or a tuple of"):
        part(s.tensor(X))


def removed(s: Side) -> None:
    model = s.model()
    handle = model.register_forward_hook(lambda m, args, out: s.note("one"))
    other = model.register_forward_hook(lambda m, args, out: s.note("two"))
    model(s.tensor(X))
    handle.remove()
    handle.remove()
    model(s.tensor(X))
    with other:
        model(s.tensor(X))
    model(s.tensor(X))
    s.note(len(model._forward_hooks))


def one_that_takes_itself_away(s: Side) -> None:
    model, handles = s.model(), []

    def once(m: Any, args: Any, out: Any) -> None:
        s.note("once")
        handles[0].remove()

    handles.append(model.register_forward_hook(once))
    model.register_forward_hook(lambda m, args, out: s.note("always"))
    model(s.tensor(X))
    model(s.tensor(X))


def a_forward_that_raises(s: Side) -> None:
    def forward(x: Any) -> Any:
        raise KeyError("inside")

    part = s.module(forward)
    part.register_forward_hook(lambda m, args, out: s.note("not called"))
    part.register_forward_hook(lambda m, args, out: s.note("called", out), always_call=True)
    with pytest.raises(KeyError, match="inside"):
        part(s.tensor(X))


def a_hook_that_raises(s: Side) -> None:
    def hook(m: Any, args: Any, out: Any) -> None:
        raise KeyError("in a hook")

    model = s.model()
    handle = model[1].register_forward_hook(hook)
    model[1].register_forward_hook(lambda m, args, out: s.note("called", out), always_call=True)
    with pytest.raises(KeyError, match="in a hook"):
        model(s.tensor(X))
    handle.remove()
    s.note(model(s.tensor(X)))


def full_backward_hooks(s: Side) -> None:
    model = s.model()
    for name, part in model.named_modules():
        part.register_full_backward_pre_hook(lambda m, out, name=name: s.note("before", name, out))
        part.register_full_backward_hook(lambda m, into, out, name=name: s.note("after", name, into, out))
    x = s.tensor(X)
    model(x).sum().backward()
    s.note(x.grad, [p.grad for p in model.parameters()])


def full_backward_hooks_of_a_first_layer(s: Side) -> None:
    model = s.model()
    model[0].register_full_backward_hook(lambda m, into, out: s.note(into, out))
    model(s.tensor(X, grad=False)).sum().backward()
    s.note(model[0].weight.grad)


def what_backward_hooks_return(s: Side) -> None:
    model = s.model()
    model[2].register_full_backward_hook(lambda m, into, out: (into[0] * 2,))
    model[2].register_full_backward_hook(lambda m, into, out: (into[0] + 1,))
    model[2].register_full_backward_pre_hook(lambda m, out: (out[0] * 4,))
    model[2].register_full_backward_hook(lambda m, into, out: s.note(into, out))
    x = s.tensor(X)
    model(x).sum().backward()
    s.note(x.grad, [p.grad for p in model.parameters()])


def several_inputs_and_outputs(s: Side) -> None:
    part = s.module(lambda x, y, n: (x * y, x + n))
    part.register_full_backward_pre_hook(lambda m, out: s.note("out", out))
    part.register_full_backward_hook(lambda m, into, out: (s.note("in", into, out), (into[0] * 2, *into[1:]))[1])
    x, y = s.tensor(X), s.tensor(X + 1)
    one, two = part(x, y, 3.0)
    (one * 2 + two).sum().backward()
    s.note(x.grad, y.grad)


def a_module_used_twice(s: Side) -> None:
    model = s.model()
    model[0].register_full_backward_hook(lambda m, into, out: s.note(into, out))
    x = s.tensor(X)
    model[0](model[0](x)).sum().backward()
    s.note(x.grad)


def without_gradients(s: Side) -> None:
    model = s.model()
    model.register_full_backward_hook(lambda m, into, out: s.note("called"))
    with sf.no_grad() if s.ours else torch.no_grad():
        s.note(model(s.tensor(X)), model(s.tensor(X)).requires_grad)


def a_second_time(s: Side) -> None:
    model = s.model()
    model.register_full_backward_hook(lambda m, into, out: s.note(into, out))
    x = s.tensor(X)
    out = model(x)
    out.sum().backward(retain_graph=True)
    (out * 2).sum().backward()
    s.note(x.grad)


def too_many_gradients(s: Side) -> None:
    model = s.model()
    model[2].register_full_backward_hook(lambda m, into, out: (into[0], into[0]))
    with pytest.raises(RuntimeError, match="Backward hook returned an invalid number of grad_input, got 2, but exp"):
        model(s.tensor(X)).sum().backward()


def a_gradient_for_nobody(s: Side) -> None:
    model = s.model()
    model[0].register_full_backward_hook(lambda m, into, out: out)
    with pytest.raises(RuntimeError, match="where no input requires gradient should always return None"):
        model(s.tensor(X, grad=False)).sum().backward()


def hooks_of_tensors(s: Side) -> None:
    x, y = s.tensor(X), s.tensor(X + 1)
    z = x * y
    z.retain_grad()
    z.register_hook(lambda g: s.note("z", g))
    handle = z.register_hook(lambda g: g * 2)
    z.register_hook(lambda g: s.note("z twice", g))
    x.register_hook(lambda g: g + 1)
    x.register_hook(lambda g: s.note("x", g, x.grad))
    for _ in range(2):
        (z + z * x).sum().backward(retain_graph=True)
        s.note(x.grad, y.grad, z.grad)
    handle.remove()
    z.sum().backward()
    s.note(x.grad, y.grad, z.grad)


def hooks_after_gradients(s: Side) -> None:
    x = s.tensor(X)

    def look(p: Any) -> None:
        s.note(p is x, p.grad)
        p.grad = None

    handle = x.register_post_accumulate_grad_hook(look)
    (x * x).sum().backward()
    (x + x).sum().backward()
    s.note(x.grad)
    handle.remove()
    x.sum().backward()
    s.note(x.grad)


def hooks_that_cannot_be(s: Side) -> None:
    with pytest.raises(RuntimeError, match="cannot register a hook on a tensor that doesn't require grad"):
        s.tensor(X, grad=False).register_hook(print)
    with pytest.raises(RuntimeError, match="post accumulate grad hooks cannot be registered on non-leaf tensors"):
        (s.tensor(X) * 2).register_post_accumulate_grad_hook(print)


def another_size(s: Side) -> None:
    x = s.tensor(X)
    x.register_hook(lambda g: g.sum())
    with pytest.raises(RuntimeError, match="has changed the size of value"):
        x.sum().backward()
    s.note(x.grad)


PROGRAMS = [
    forward_hooks_in_order, what_forward_hooks_return, keywords, bad_keywords, removed, one_that_takes_itself_away,
    a_forward_that_raises, a_hook_that_raises, full_backward_hooks, full_backward_hooks_of_a_first_layer,
    what_backward_hooks_return, several_inputs_and_outputs, a_module_used_twice, without_gradients, a_second_time,
    too_many_gradients, a_gradient_for_nobody, hooks_of_tensors, hooks_after_gradients, hooks_that_cannot_be,
    another_size,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_hooks_see_what_torchs_see_and_do_what_torchs_do(program: Callable[[Side], None]) -> None:
    ours, theirs = Side(True), Side(False)
    program(ours)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, where no input of a module requires a gradient
        program(theirs)
    assert ours.log == theirs.log


def test_a_hook_that_raises_in_a_backward_leaves_no_layer_behind_and_the_next_one_works() -> None:
    s = Side(True)
    model = s.model()

    def hook(m: Any, into: Any, out: Any) -> None:
        raise KeyError("in a hook")

    handle = model[2].register_full_backward_hook(hook)
    with pytest.raises(KeyError, match="in a hook"):
        model(s.tensor(X)).sum().backward()
    assert sf.observe.place().layer is None
    assert model[0].weight.grad is None
    handle.remove()
    model.zero_grad()
    model(s.tensor(X)).sum().backward()
    other = s.model()
    other(s.tensor(X)).sum().backward()
    assert model[0].weight.grad.tolist() == other[0].weight.grad.tolist()


def test_hooks_change_no_bit_and_are_not_in_the_state_or_the_text() -> None:
    plain_one, hooked = Side(True).model(), Side(True).model()
    hooked.register_full_backward_hook(lambda m, into, out: None)
    hooked[0].register_forward_hook(lambda m, args, out: None)
    assert repr(plain_one) == repr(hooked)
    assert [*plain_one.state_dict()] == [*hooked.state_dict()]
    with sf.Census() as census:
        hooked(sf.Tensor(X, requires_grad=True)).sum().backward()
    with sf.Census() as other:
        plain_one(sf.Tensor(X, requires_grad=True)).sum().backward()
    assert repr(census.table()) == repr(other.table())
    with sf.Trace() as trace:
        hooked(sf.Tensor(X, requires_grad=True)).sum().backward()
    assert "_hooked" not in str(trace)


def test_what_gets_no_gradient_has_none() -> None:
    """torch makes zeros of it, and gives them to the leaves."""
    s = Side(True)
    part = s.module(lambda x, y, z: (x * y, x + 1, z))
    part.register_full_backward_hook(lambda m, into, out: s.note(into, out))
    x, y, z = s.tensor(X), s.tensor(X), s.tensor(X, grad=False)
    part(x, y, z)[1].sum().backward()
    ones = np.ones_like(X).tolist()
    assert s.log == [[[ones, None, None], [None, ones, None]]]
    assert (x.grad.tolist(), y.grad, z.grad) == (ones, None, None)


def test_the_older_kind_of_backward_hook_says_what_to_use() -> None:
    with pytest.raises(NotImplementedError, match="use register_full_backward_hook"):
        nn.ReLU().register_backward_hook(print)
