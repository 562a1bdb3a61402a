"""Every name of torch's modules for networks and training: it is there, or the table says what to use instead."""

from __future__ import annotations

import importlib
import inspect
import re
from types import ModuleType
from typing import Any

import pytest

from simfp import amp, nn, optim
from simfp.differences import DIFFERS, MISSING

pytestmark = pytest.mark.torch

OURS: dict[str, Any] = {
    "torch.nn": nn, "torch.nn.functional": nn.functional, "torch.nn.utils": nn.utils, "torch.nn.init": nn.init,
    "torch.optim": optim, "torch.optim.lr_scheduler": optim.lr_scheduler, "torch.amp": amp,
}  # fmt: skip
BESIDE = {"torch.optim.swa_utils": None}  # of which there is nothing
IMPORTED = {"Tensor", "Optimizer", "GRAPH_MODULES"}  # from elsewhere in torch


def names_of(module: ModuleType) -> set[str]:
    """The classes and functions that a module of torch's offers, without what it imports from Python."""
    found = set()
    for name, each in inspect.getmembers(module, callable):
        home = str(getattr(each, "__module__", None))
        foreign = home.split(".")[0] not in ("torch", "None") or name in IMPORTED or home == "torch._jit_internal"
        if not name.startswith("_") and (not foreign or name == "boolean_dispatch"):
            found.add(name)
    return found


@pytest.mark.parametrize("module", OURS)
def test_a_name_of_torchs_is_there_or_has_a_hint(module: str) -> None:
    theirs, ours = names_of(importlib.import_module(module)), OURS[module]
    absent = {name for name in theirs if not hasattr(ours, name)}
    listed = set(MISSING[module])
    assert absent - listed == set()
    assert {name for name in listed if hasattr(ours, name)} == set()  # what is there by now
    assert listed <= set(dir(importlib.import_module(module)))


def test_modules_of_which_there_is_nothing_are_listed_whole() -> None:
    for module in BESIDE:
        found = {
            name for name in names_of(importlib.import_module(module))
            if getattr(importlib.import_module(module), name).__module__ == module
        }  # fmt: skip
        assert found == set(MISSING[module])


def test_what_differs_is_there_and_every_hint_says_something() -> None:
    assert set(DIFFERS) == set(OURS)
    for module, rows in DIFFERS.items():
        assert all(hasattr(OURS[module], name) for name in rows), module
    for rows in (*DIFFERS.values(), *MISSING.values()):
        assert all(hint and not hint.endswith(".") for hint in rows.values())


def test_what_a_hint_names_of_ours_is_there() -> None:
    """A hint that names `something` in backticks, alone or called, names what can be had."""
    known = {name for module in (*OURS.values(), nn.Module, nn) for name in dir(module)}
    known |= {"relu", "matmul", "sum", "mean", "softmax", "reshape", "transpose", "simfp", "torch", "x", "average",
              "state_dtype", "kernel_size", "forward", "eval", "train", "no_grad", "weight", "product", "nn"}  # fmt: skip
    for rows in MISSING.values():
        for hint in rows.values():
            for word in re.findall(r"`([A-Za-z_][A-Za-z_0-9]*)", hint):
                assert word in known or word == "Lazy", (word, hint)
