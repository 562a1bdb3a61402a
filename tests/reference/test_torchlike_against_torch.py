"""torch's names beside torch itself: the page that lists them, and what factories, loaders and samplers give."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch

import simfp.torchlike as ours
from simfp.torchlike.hints import DIFFERENCES
from tests import torch_names

pytestmark = pytest.mark.torch

TEXT = torch_names.PAGE.read_text(encoding="utf-8")
WRITTEN_FOR = TEXT.partition("name of torch\n")[2].partition(":")[0]


@pytest.mark.parametrize("space", torch_names.SPACES)
def test_every_name_of_torch_is_there_or_has_a_hint(space: str) -> None:
    names = torch_names.public_names(space)
    assert names
    for name in names:
        if not torch_names.has(space, name):
            assert len(torch_names.hint(space, name)) > 3, name


def test_the_page_is_what_both_sides_say() -> None:
    """Of another version of torch than the page was written for, the names that are there are compared."""
    if torch_names.version(torch.__version__) == WRITTEN_FOR:
        # in a process of its own: torch gains names as parts of it are imported
        program = "from tests import torch_names; print(torch_names.page(), end='')"
        told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
        assert told == TEXT
    for part in TEXT.split("\n## ")[1:]:
        title = part.partition("\n")[0].strip("`")
        space = "Tensor" if title == "Tensors" else title
        listed = part.partition("**There:** ")[2].partition("\n")[0]
        for name in listed.split(", ") if listed else ():
            assert torch_names.has(space, name.strip("`")), name


def test_what_is_said_to_differ_is_torchs_name() -> None:
    for space, name in DIFFERENCES:
        assert hasattr(torch_names.owner(space, "torch"), name), (space, name)


CALLS: list[Any] = [
    lambda t: t.zeros(2, 3), lambda t: t.ones((2,), dtype=t.int32), lambda t: t.full((2,), 3), lambda t: t.eye(3, 2),
    lambda t: t.full((), 2.5), lambda t: t.full((1,), True), lambda t: t.arange(7), lambda t: t.arange(2, 9, 3),
    lambda t: t.arange(5, 0, -2), lambda t: t.arange(0, 2, 0.25), lambda t: t.arange(1, 0.0, -0.5),
    lambda t: t.arange(4.0), lambda t: t.linspace(0, 8, 9), lambda t: t.linspace(3, 3, 1),
    lambda t: t.logspace(0, 3, 4, 2.0),
    lambda t: t.zeros_like(t.arange(3)), lambda t: t.full_like(t.zeros(2), 7), lambda t: t.tensor([[1, 2], [3, 4]]),
    lambda t: t.tensor([1, 2.5]), lambda t: t.tensor([True]), lambda t: t.tensor(3), lambda t: t.tensor([]),
    lambda t: t.as_tensor(np.arange(3)), lambda t: t.from_numpy(np.float16([1, 2])),
    lambda t: t.vstack([t.arange(3), t.arange(3)]), lambda t: t.hstack([t.arange(3), t.arange(2)]),
    lambda t: t.hstack([t.ones(2, 1), t.zeros(2, 2)]), lambda t: t.dstack([t.arange(2), t.arange(2)]),
    lambda t: t.dstack([t.ones(2, 3), t.zeros(2, 3)]),
    lambda t: t.column_stack([t.arange(2), t.ones(2, 2, dtype=t.int64)]),
    lambda t: t.meshgrid(t.arange(2), t.arange(3), indexing="ij")[1],
    lambda t: t.meshgrid(t.arange(2), t.arange(3), indexing="xy")[0], lambda t: t.diag(t.arange(3)),
    lambda t: t.diag(t.arange(2), 1), lambda t: t.diag(t.arange(2), -2), lambda t: t.diag(t.arange(6).reshape(2, 3), 1),
    lambda t: t.diag(t.arange(6).reshape(2, 3), -1), lambda t: t.trace(t.arange(4.0).reshape(2, 2)),
    lambda t: t.movedim(t.arange(24).reshape(2, 3, 4), 0, -1),
    lambda t: t.movedim(t.arange(24).reshape(2, 3, 4), (0, 1), (2, 0)),
    lambda t: t.nansum(t.tensor([1.0, float("nan"), 3.0])), lambda t: t.nanmean(t.tensor([1.0, float("nan"), 3.0])),
    lambda t: t.addmm(t.ones(2), t.eye(2), t.ones(2, 2), beta=2, alpha=3), lambda t: t.rsub(t.arange(3), 5),
    lambda t: t.broadcast_to(t.arange(3), (2, 3)), lambda t: t.ravel(t.ones(2, 2)),
    lambda t: t.var_mean(t.arange(4.0))[1], lambda t: t.scalar_tensor(2),
    lambda t: t.broadcast_tensors(t.ones(2, 1), t.ones(3))[0],
    lambda t: t.utils.data.default_collate([(1, True), (2, False)])[1],
    lambda t: t.utils.data.default_collate([{"a": np.int32(3)}, {"a": np.int32(4)}])["a"],
]  # fmt: skip


@pytest.mark.parametrize("place", range(len(CALLS)))
def test_a_call_gives_torchs_values_type_and_shape(place: int) -> None:
    found, expected = CALLS[place](ours), CALLS[place](torch)
    assert str(found.dtype) == str(expected.dtype).removeprefix("torch.")
    assert found.shape == tuple(expected.shape)
    assert found.tolist() == expected.tolist()


@pytest.mark.parametrize("bounds", [(0, 1, 7), (-1, 3, 100), (5, -5, 33)])
def test_linspace_is_torchs_up_to_a_rounding(bounds: tuple[float, float, int]) -> None:
    """torch computes it in float32 from both ends; ours is each exact value rounded once."""
    found, expected = ours.linspace(*bounds).data.values, torch.linspace(*bounds).numpy()
    assert (np.abs(found - expected) <= 2 * np.spacing(np.float32(max(map(abs, bounds[:2]))))).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float8_e4m3fn", "float8_e5m2"])
def test_finfo_is_torchs(dtype: str) -> None:
    found, expected = ours.finfo(getattr(ours, dtype)), torch.finfo(getattr(torch, dtype))
    for name in ("bits", "eps", "max", "min", "tiny", "smallest_normal", "resolution", "dtype"):
        assert getattr(found, name) == getattr(expected, name), name


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "int64"])
def test_iinfo_is_torchs(dtype: str) -> None:
    found, expected = ours.iinfo(getattr(ours, dtype)), torch.iinfo(getattr(torch, dtype))
    for name in ("bits", "max", "min", "dtype"):
        assert getattr(found, name) == getattr(expected, name), name


def test_deprecated_spellings_warn_in_torchs_words() -> None:
    words = []
    for side in (torch, ours):
        for old in (side.cuda.amp.autocast, side.cuda.amp.GradScaler):
            with pytest.warns(FutureWarning, match="is deprecated") as told:
                old(enabled=False)
            words.append((old.__name__, [str(each.message) for each in told]))
    assert words[:2] == words[2:]
