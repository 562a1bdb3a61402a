"""The tables of methods: what stands there is what a Tensor and an Array have, and type checkers see nothing else."""

from __future__ import annotations

import ast
import inspect

import pytest

import simfp as sf
from simfp.array_methods import ValueMethods
from simfp.autograd.methods import InPlaceMethods, TensorMethods
from simfp.autograd.on_arrays import ArrayMethods


class Empty:
    """What every class has."""


BOILERPLATE = vars(Empty).keys() | {"__annotations__", "__hash__", "__slots__", "__slotnames__"}
TABLES: dict[type, tuple[type, ...]] = {
    sf.Tensor: (InPlaceMethods, TensorMethods),
    sf.Array: (InPlaceMethods, ValueMethods, ArrayMethods),
}
PAIRS = [(owner, table) for owner, tables in TABLES.items() for table in tables]


def declared(table: type) -> dict[str, object]:
    """The methods that a table names."""
    return {name: method for name, method in vars(table).items() if name not in BOILERPLATE}


def written(owner: type) -> set[str]:
    """What stands in the text of the class itself."""
    (tree,) = ast.parse(inspect.getsource(owner)).body
    assert isinstance(tree, ast.ClassDef)
    names = {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}
    targets = [target for each in tree.body if isinstance(each, ast.Assign) for target in each.targets]
    return names | {target.id for target in targets if isinstance(target, ast.Name)} | set(vars(owner)["__slots__"])


@pytest.mark.parametrize(("owner", "table"), PAIRS)
def test_a_class_has_every_method_of_its_tables(owner: type, table: type) -> None:
    assert {name: vars(owner)[name] for name in declared(table)} == declared(table)


@pytest.mark.parametrize("owner", [sf.Tensor])
def test_no_method_stands_in_two_places(owner: type) -> None:
    names = [*written(owner), *(name for table in TABLES[owner] for name in declared(table))]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("owner", TABLES)
def test_a_class_has_no_method_that_type_checkers_are_not_told_of(owner: type) -> None:
    told = written(owner).union(*map(declared, TABLES[owner]))
    has = {name for name, method in vars(owner).items() if type(method).__name__ != "_Absent"}  # see torchlike
    assert has - told <= BOILERPLATE


@pytest.mark.parametrize("owner", TABLES)
def test_every_method_says_what_it_gives(owner: type) -> None:
    methods = {name: method for table in TABLES[owner] for name, method in declared(table).items()}
    assert [name for name, method in methods.items() if not name.startswith("__") and not method.__doc__] == []


@pytest.mark.parametrize("owner", TABLES)
def test_tables_are_base_classes_for_type_checkers_alone(owner: type) -> None:
    assert not set(TABLES[owner]) & set(owner.__mro__)


def test_a_tensor_is_still_found_by_its_identity() -> None:
    x, y = sf.tensor([1.0]), sf.tensor([1.0])
    assert {x: 1}[x] == 1
    assert len({x, y}) == 2
