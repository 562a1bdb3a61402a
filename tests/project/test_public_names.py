"""What `import simfp` promises is what `__all__` and docs/public_names.md say: no name more, and none less."""

from __future__ import annotations

import inspect
import subprocess
import sys
from types import ModuleType

import pytest

import simfp as sf
from tests import public_names
from tests.project.test_project import import_order


@pytest.mark.parametrize("name", sf.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    value = getattr(sf, name)
    described = value if isinstance(value, ModuleType) or callable(value) else type(value)
    assert inspect.getdoc(described)
    assert public_names.what(value)


def test_the_page_lists_every_public_name_once() -> None:
    listed = [name for names in public_names.GROUPS.values() for name in names]
    assert sorted(listed) == sorted(sf.__all__)
    assert public_names.PAGE.read_text(encoding="utf-8") == public_names.page(), "python -m tests.public_names"


def test_nothing_public_is_there_that_is_not_promised() -> None:
    others = {name for name in vars(sf) if not name.startswith("_")} - set(sf.__all__)
    assert {name for name in others if not isinstance(getattr(sf, name), ModuleType)} == set()
    assert others <= set(import_order())  # modules: Python binds what was imported
    assert all(getattr(sf, name).__name__ == f"simfp.{name}" for name in others)


def test_completion_offers_the_public_names_alone() -> None:
    assert {name for name in dir(sf) if not name.startswith("_")} == set(sf.__all__)


def in_a_new_process(program: str) -> str:
    """What a program prints."""
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.strip()


def test_layers_optimizers_and_autocast_come_with_the_one_import() -> None:
    assert in_a_new_process(
        "import simfp as sf; model = sf.nn.Linear(2, 3); sf.optim.SGD(model.parameters(), 0.1)\n"
        "with sf.amp.autocast(): print(model(sf.tensor([[1.0, 2.0]])).dtype)"
    ) == "float16"  # fmt: skip


def test_the_one_import_does_not_wait_for_layers() -> None:
    assert in_a_new_process("import sys, simfp; print('simfp.nn' in sys.modules)") == "False"


def test_a_star_brings_every_public_name() -> None:
    program = "from simfp import *; import simfp; print(set(simfp.__all__) <= set(globals()))"
    assert in_a_new_process(program) == "True"


def test_a_name_that_is_not_there_is_named() -> None:
    with pytest.raises(AttributeError, match="module 'simfp' has no attribute 'float63'"):
        sf.float63  # noqa: B018
    with pytest.raises(ImportError, match="float63"):
        from simfp import float63  # noqa: F401
