"""save and load: what comes back is what was there, to the bit; and whatever else a file may be is refused."""

import io
import json
import math
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import simfp as sf
import simfp.torchlike as torch
from simfp import nn
from simfp.formats import NAMED_FORMATS
from simfp.torchlike import optim


def again(x: Any) -> Any:
    file = io.BytesIO()
    torch.save(x, file)
    file.seek(0)
    return torch.load(file)


PLAIN = [
    None, True, False, 0, -1, 2**80, 0.1, -0.0, 1e-320, math.inf, "", "größer", [], (), {}, [1, [2, (3, None)]],
    {"a": 1, 2: "b", (3, 4): [5.0], None: False, 1.5: 0}, {1, 2}, frozenset({"x"}),
    OrderedDict([("b", 1), ("a", 2)]),
]  # fmt: skip


@pytest.mark.parametrize("x", PLAIN, ids=repr)
def test_pythons_own_values_come_back(x: Any) -> None:
    found = again(x)
    assert found == x
    assert type(found) is type(x)
    assert repr(found) == repr(x)  # -0.0, and the order of dicts


def test_nan_comes_back() -> None:
    assert math.isnan(again(math.nan))


@pytest.mark.parametrize("name", NAMED_FORMATS)
def test_every_code_of_a_format_comes_back(name: str) -> None:
    fmt = NAMED_FORMATS[name]
    codes = np.arange(min(2**fmt.bits, 2**16), dtype=np.uint32) * max(2**fmt.bits // 2**16, 1)
    x = sf.array(sf.decode(codes.astype(f"u{max(1, (fmt.bits + 7) // 8) if fmt.bits != 19 else 4}"), fmt), fmt)
    for found in (again(x), again(sf.Tensor(x)).data):
        assert found.dtype == fmt
        assert np.array_equal(found.codes, x.codes)


def test_a_format_of_ones_own_comes_back() -> None:
    fmt = sf.Format("toy", exponent_bits=3, mantissa_bits=2, exponent_bias=5, infinities=False)
    found = again({"x": sf.array([0.1, 0.2], fmt), "fmt": fmt})
    assert found["fmt"] == found["x"].dtype == fmt
    assert found["fmt"].name == "toy"
    assert np.array_equal(found["x"].values, sf.array([0.1, 0.2], fmt).values)


ARRAYS = [
    np.arange(6).reshape(2, 3), np.array(3.5), np.float32([1, 2]), np.array([True, False]), np.uint8([7]),
    np.array([1.0, 0.1], ml_dtypes.bfloat16), np.array([0.5], ml_dtypes.float8_e4m3fn), np.empty((0, 3), np.float16),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
]  # fmt: skip


@pytest.mark.parametrize("x", ARRAYS, ids=lambda x: f"{x.dtype}{x.shape}")
def test_numpys_arrays_come_back(x: Any) -> None:
    found = again({"x": x})["x"]
    assert (found.dtype, found.shape) == (x.dtype, x.shape)
    assert found.tobytes() == np.ascontiguousarray(x).tobytes()


def test_numpys_scalars_come_back() -> None:
    found = again([np.float32(0.1), np.int64(3), np.bool_(True)])
    assert [type(each) for each in found] == [np.float32, np.int64, np.bool_]
    assert found == [np.float32(0.1), 3, True]


def test_tensors_come_back_with_their_types_and_flags() -> None:
    x = {"w": torch.randn(3, requires_grad=True), "i": torch.arange(3), "m": torch.tensor([True])}
    x["p"] = nn.Parameter([1.0])
    found = again(x)
    assert [(each.dtype, each.requires_grad, type(each)) for each in found.values()] == [
        (each.dtype, each.requires_grad, type(each)) for each in x.values()
    ]
    assert found["i"].tolist() == [0, 1, 2]
    assert found["w"].grad_fn is None


def test_what_is_there_twice_is_one_object_again() -> None:
    x = torch.ones(2)
    found = again([x, {"again": x}, torch.ones(2)])
    assert found[0] is found[1]["again"]
    assert found[0] is not found[2]


def test_dtypes_and_devices_come_back() -> None:
    x = [torch.bfloat16, torch.int64, torch.device("cuda:0")]
    assert again(x) == x


# --- what cannot be saved


class Config:
    pass


@pytest.mark.parametrize(
    ("x", "words"),
    [
        ({"config": {"net": Config()}}, r"obj\['config'\]\['net'\]: a Config cannot be saved; what can be kept: "),
        ([1, nn.Linear(1, 1)], r"obj\[1\]: a Linear cannot be saved; save its state_dict\(\)"),
        ({"f": lambda: 0}, r"obj\['f'\]: a function cannot be saved"),
        (np.array(["a"]), r"obj: a NumPy array of <U1 cannot be saved"),
        (np.array([1j]), r"obj: a NumPy array of complex128 cannot be saved"),
        (b"abc", r"obj: a bytes cannot be saved"),
    ],
)
def test_what_cannot_be_saved_is_named_and_leaves_the_file_as_it_was(x: Any, words: str, tmp_path: Path) -> None:
    path = tmp_path / "kept.pt"
    torch.save({"old": 1}, path)
    with pytest.raises(TypeError, match=words):
        torch.save(x, path)
    assert torch.load(path) == {"old": 1}
    assert [each.name for each in tmp_path.iterdir()] == ["kept.pt"]


def test_what_contains_itself_is_refused() -> None:
    x: list[Any] = [1]
    x.append(x)
    with pytest.raises(TypeError, match=r"obj\[1\] contains itself"):
        torch.save(x, io.BytesIO())


# --- what is not loaded


def test_no_pickle_is_loaded(tmp_path: Path) -> None:
    old, new = tmp_path / "old.pt", tmp_path / "new.pt"
    old.write_bytes(pickle.dumps({"a": 1}))
    with zipfile.ZipFile(new, "w") as file:  # as torch.save lays its files out
        file.writestr("archive/data.pkl", pickle.dumps({"a": 1}))
        file.writestr("archive/version", "3\n")
    for path in (old, new):
        with pytest.raises(ValueError, match=r"not a file of simfp.torchlike.save: it is a pickle"):
            torch.load(path)


@pytest.mark.parametrize("content", [b"", b"PK", b"hello", b"PK\x03\x04" + bytes(50)])
def test_other_files_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"is not a file of|is damaged"):
        torch.load(io.BytesIO(content))


def saved(x: Any) -> bytes:
    file = io.BytesIO()
    torch.save(x, file)
    return file.getvalue()


def test_every_byte_that_is_damaged_is_noticed_or_changes_nothing() -> None:
    x = {"w": torch.arange(40).float(), "epoch": 3, "lr": 0.1}
    whole = saved(x)
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 0x41
        try:
            found = torch.load(io.BytesIO(damaged))
        except ValueError:
            continue
        assert found["epoch"] == 3
        assert found["lr"] == 0.1
        assert torch.equal(found["w"], x["w"])


def test_a_file_that_was_cut_off_is_refused() -> None:
    whole = saved({"w": torch.ones(100)})
    for length in range(0, len(whole), 7):
        with pytest.raises(ValueError, match=r"is not a file of|is damaged"):
            torch.load(io.BytesIO(whole[:length]))


def with_structure(change: Any) -> io.BytesIO:
    """A saved tensor, its structure changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(saved([torch.ones(2)]))) as old, zipfile.ZipFile(out, "w") as new:
        structure = json.loads(old.read("structure.json"))
        change(structure)
        new.writestr("structure.json", json.dumps(structure))
        new.writestr("0.npy", old.read("0.npy"))
    out.seek(0)
    return out


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.pop("content"),
        lambda s: s.update(content={"list": [{"object": 5}]}),
        lambda s: s.update(content={"list": [{"object": -1}]}),
        lambda s: s.update(content={"eval": "print()"}),
        lambda s: s.update(content={"float": 3}),
        lambda s: s.update(content={"float": 1, "list": []}),
        lambda s: s.update(content=[1]),
        lambda s: s.update(content={"dict": [[{"list": []}, 1]]}),
        lambda s: s["objects"][0]["tensor"].update(at=9),
        lambda s: s["objects"][0]["tensor"].update(array="float99"),
        lambda s: s["objects"][0]["tensor"].update(array={"name": "x"}),
        lambda s: s["objects"][0].update(requires_grad="yes"),
        lambda s: s.update({"simfp.torchlike.save": "1"}),
    ],
)
def test_a_structure_that_says_something_else_is_refused(change: Any) -> None:
    with pytest.raises(ValueError, match="is damaged"):
        torch.load(with_structure(change))


def test_a_later_version_is_named() -> None:
    with pytest.raises(ValueError, match="is of version 2; this simfp reads version 1"):
        torch.load(with_structure(lambda s: s.update({"simfp.torchlike.save": 2})))


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(FileNotFoundError):
        torch.load("nowhere.pt")


def test_map_location_takes_the_one_device() -> None:
    whole = saved({"w": torch.ones(2)})
    for where in (None, "cpu", "cuda", torch.device("cuda", 0), {"cuda:0": "cpu"}, lambda storage, where: storage):
        assert torch.load(io.BytesIO(whole), map_location=where)["w"].tolist() == [1, 1]
    with pytest.raises(RuntimeError, match="tpu"):
        torch.load(io.BytesIO(whole), map_location="tpu")


# --- checkpoints


def steps(model: Any, optimizer: Any, scheduler: Any, scaler: Any, count: int) -> list[float]:
    losses = []
    for _ in range(count):
        x = torch.randn(16, 8)
        optimizer.zero_grad()
        with torch.autocast("cuda", dtype=torch.float16):
            loss = model(x).square().mean()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        scheduler.step()
        losses.append(loss.item())
    return losses


OPTIMIZERS: dict[str, Any] = {
    "SGD": lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    "Adam": lambda p: optim.Adam(p, lr=0.01, amsgrad=True),
    "AdamW": lambda p: optim.AdamW(p, lr=0.01),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.01),
    "bfloat16 state": lambda p: optim.AdamW(p, lr=0.01, state_dtype="bfloat16", kahan=True),
}
SCHEDULES: dict[str, Any] = {
    "StepLR": lambda o: optim.lr_scheduler.StepLR(o, 2),
    "OneCycleLR": lambda o: optim.lr_scheduler.OneCycleLR(o, 0.1, total_steps=20),
    "SequentialLR": lambda o: optim.lr_scheduler.SequentialLR(
        o, [optim.lr_scheduler.LinearLR(o, 0.1, total_iters=3), optim.lr_scheduler.CosineAnnealingLR(o, 9)], [3]
    ),
}


@pytest.mark.filterwarnings("ignore:Detected call of")
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_resumed_run_is_the_same_to_the_bit(optimizer: str, schedule: str, tmp_path: Path) -> None:
    def build() -> tuple[Any, ...]:
        model = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Dropout(0.3), nn.ReLU(), nn.Linear(16, 4))
        made = OPTIMIZERS[optimizer](model.parameters())
        return model, made, SCHEDULES[schedule](made), torch.amp.GradScaler(init_scale=2.0**18, growth_interval=3)

    torch.manual_seed(0)
    parts = build()
    steps(*parts, 5)
    torch.save({"parts": [each.state_dict() for each in parts], "chance": torch.get_rng_state()}, tmp_path / "run.pt")
    expected = steps(*parts, 6)

    torch.manual_seed(99)
    resumed = build()
    kept = torch.load(tmp_path / "run.pt")
    for part, state in zip(resumed, kept["parts"]):
        part.load_state_dict(state)
    torch.set_rng_state(kept["chance"])
    assert steps(*resumed, 6) == expected
    for old, new in zip(parts[0].state_dict().values(), resumed[0].state_dict().values()):
        assert np.asarray(old).tobytes() == np.asarray(new).tobytes()
