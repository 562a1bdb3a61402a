"""The table of a Tensor's methods: what stands there is what a Tensor has, and nothing else has put methods there."""

from __future__ import annotations

import ast
import inspect

import pytest

import simfp as sf
from simfp.autograd import methods
from simfp.autograd.methods import InPlaceMethods, TensorMethods


class Empty:
    """What every class has."""


BOILERPLATE = vars(Empty).keys() | {"__hash__", "__slots__"}


def declared(table: type) -> dict[str, object]:
    """The methods that a table names."""
    return {name: method for name, method in vars(table).items() if name not in BOILERPLATE}


@pytest.mark.parametrize("table", [InPlaceMethods, TensorMethods])
def test_a_tensor_has_every_method_of_its_tables(table: type) -> None:
    assert {name: vars(sf.Tensor)[name] for name in declared(table)} == declared(table)


def test_no_method_stands_in_two_places() -> None:
    (written,) = ast.parse(inspect.getsource(sf.Tensor)).body
    assert isinstance(written, ast.ClassDef)
    in_the_class = {each.name for each in written.body if isinstance(each, ast.FunctionDef)}
    assert {"backward", "detach"} <= in_the_class
    assert not in_the_class & (declared(InPlaceMethods).keys() | declared(TensorMethods).keys())
    assert not declared(InPlaceMethods).keys() & declared(TensorMethods).keys()


def test_a_tensor_has_no_method_that_type_checkers_are_not_told_of() -> None:
    (written,) = ast.parse(inspect.getsource(sf.Tensor)).body
    assert isinstance(written, ast.ClassDef)
    told = {each.name for each in written.body if isinstance(each, ast.FunctionDef)} | set(sf.Tensor.__slots__)
    told |= declared(InPlaceMethods).keys() | declared(TensorMethods).keys()
    has = {name for name, method in vars(sf.Tensor).items() if type(method).__name__ != "_Absent"}  # see torchlike
    assert has - told <= BOILERPLATE


def test_every_method_says_what_it_gives() -> None:
    silent = {name for table in (InPlaceMethods, TensorMethods) for name, method in declared(table).items()
              if not name.startswith("__") and not method.__doc__}  # fmt: skip
    assert silent == set()


def test_a_tensor_is_still_found_by_its_identity() -> None:
    x, y = sf.tensor([1.0]), sf.tensor([1.0])
    assert {x: 1}[x] == 1
    assert len({x, y}) == 2
    assert methods.TensorMethods not in sf.Tensor.__mro__
