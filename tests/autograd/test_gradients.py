"""Every operation's derivatives against differences of its forward."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp.autograd import apply
from simfp.autograd.checking import check_grads
from simfp.ops import OPERATIONS
from tests.operation_cases import CASES, EVERY_CASE, NAMES, Case, filled


def test_every_operation_has_cases() -> None:
    assert set(CASES) == set(OPERATIONS)  # in any order


def test_every_derivative_is_reached_by_a_smooth_case() -> None:
    for name, cases in CASES.items():
        row = OPERATIONS[name]
        reached = set()
        for case in cases:
            args = filled(case.args, lambda spec, values: sf.Tensor(values, requires_grad=spec.grad), lambda x: x)
            reached |= {
                place
                for place, x in enumerate(args)
                if case.smooth and isinstance(x, sf.Tensor) and x.requires_grad and row.vjp(place)
            }
        if not callable(row.vjps):
            assert reached == {place for place, vjp in enumerate(row.vjps) if vjp}, name


@pytest.mark.parametrize(("name", "case"), EVERY_CASE, ids=NAMES)
def test_gradients_are_those_of_differences(name: str, case: Case) -> None:
    if not case.smooth:
        return
    row = OPERATIONS[name]

    def tensor(spec: Any, values: np.ndarray) -> sf.Tensor:
        return sf.Tensor(values, requires_grad=spec.grad)

    args = filled(case.args, tensor, lambda x: x)
    if any(isinstance(x, sf.Tensor) and x.requires_grad for x in args):
        check_grads(lambda *inputs: apply(row, *inputs, **case.options), *args)


def test_a_wrong_gradient_is_found() -> None:
    x = sf.Tensor([0.5, 1.5], requires_grad=True)
    with pytest.raises(AssertionError, match=r"gradient of input 0 at \(0,\) is"):
        check_grads(lambda x: x * x.detach(), x)


def test_a_checked_input_keeps_its_values() -> None:
    x = sf.Tensor([0.5, 1.5], requires_grad=True)
    before = x.data
    check_grads(lambda x: x * x, x)
    assert x.data is before
