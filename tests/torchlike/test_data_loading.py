"""Data sets, samplers and loaders: which samples, in which order, in which shape."""

from collections import namedtuple
from typing import Any

import numpy as np
import pytest

import simfp as sf
import simfp.torchlike as torch
from simfp.torchlike.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    default_convert,
    random_split,
)

X, Y = torch.arange(20).float().reshape(10, 2), torch.arange(10)


def test_batches_have_the_samples_in_order() -> None:
    loader = DataLoader(TensorDataset(X, Y), batch_size=4)
    assert [(x.shape, y.tolist()) for x, y in loader] == [
        ((4, 2), [0, 1, 2, 3]),
        ((4, 2), [4, 5, 6, 7]),
        ((2, 2), [8, 9]),
    ]
    assert len(loader) == 3
    assert [x.dtype for x in next(iter(loader))] == [sf.float32, sf.int64]
    assert len(DataLoader(TensorDataset(X, Y), batch_size=4, drop_last=True)) == 2


def test_shuffling_gives_every_sample_once_in_an_order_that_the_seed_repeats() -> None:
    loader = DataLoader(TensorDataset(X, Y), batch_size=3, shuffle=True)

    def order() -> list[int]:
        return [each for _, y in loader for each in y.tolist()]

    torch.manual_seed(0)
    first, second = order(), order()
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second
    torch.manual_seed(0)
    assert order() == first


def test_a_generator_of_its_own_shuffles_apart_from_the_shared_one() -> None:
    def order() -> list[list[int]]:
        made = torch.Generator().manual_seed(1)
        return [y.tolist() for _, y in DataLoader(TensorDataset(X, Y), 5, shuffle=True, generator=made)]

    before = torch.get_rng_state().tolist()
    first = order()
    assert torch.get_rng_state().tolist() == before
    assert order() == first


class Squares(Dataset):
    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> Any:
        return {"x": np.float32(index), "name": f"n{index}", "pair": (index, [float(index) ** 2])}


def test_samples_of_any_kind_are_collated() -> None:
    batch = next(iter(DataLoader(Squares(), batch_size=3)))
    assert batch["x"].tolist() == [0, 1, 2]
    assert batch["name"] == ["n0", "n1", "n2"]
    assert [type(batch["pair"]), batch["pair"][0].dtype, batch["pair"][1][0].dtype] == [list, sf.int64, sf.float32]
    assert batch["pair"][1][0].tolist() == [0, 1, 4]


Point = namedtuple("Point", "x y")


def test_collating_keeps_named_tuples_and_refuses_what_it_does_not_know() -> None:
    batch = default_collate([Point(1, True), Point(2, False)])
    assert isinstance(batch, Point)
    assert batch.y.dtype == sf.bool
    with pytest.raises(RuntimeError, match="equal size"):
        default_collate([[1, 2], [1]])
    with pytest.raises(TypeError, match="found object"):
        default_collate([object()])
    with pytest.raises(TypeError, match="an array of <U1"):
        default_collate([np.array(["a"])])
    assert default_convert({"a": np.arange(2), "b": "text", "c": (1, np.float32(2))})["c"][1].dtype == sf.float32


def test_a_collate_function_of_ones_own() -> None:
    loader = DataLoader(Squares(), batch_size=2, collate_fn=lambda samples: [each["name"] for each in samples])
    assert list(loader) == [["n0", "n1"], ["n2", "n3"], ["n4"]]


def test_without_batches_samples_come_alone() -> None:
    assert [x.tolist() for x in DataLoader([np.arange(2), np.arange(3)], batch_size=None)] == [[0, 1], [0, 1, 2]]


class Stream(IterableDataset):
    def __iter__(self) -> Any:
        yield from range(5)


def test_what_comes_as_it_comes_is_batched() -> None:
    assert [each.tolist() for each in DataLoader(Stream(), batch_size=2)] == [[0, 1], [2, 3], [4]]
    assert [each.tolist() for each in DataLoader(Stream() + Stream(), batch_size=4, drop_last=True)] == [
        [0, 1, 2, 3],
        [4, 0, 1, 2],
    ]
    assert list(DataLoader(Stream(), batch_size=None)) == [0, 1, 2, 3, 4]


def test_data_sets_made_of_others() -> None:
    data = TensorDataset(X, Y)
    both = data + Subset(data, [9, 0])
    assert isinstance(both, ConcatDataset)
    assert [int(both[place][1]) for place in (0, 9, 10, 11, -1)] == [0, 9, 9, 0, 0]
    with pytest.raises(ValueError, match="should not exceed dataset length"):
        both[-13]
    with pytest.raises(AssertionError, match="Size mismatch between tensors: first lengths 10, 9"):
        TensorDataset(X, Y[:9])
    with pytest.raises(NotImplementedError):
        Dataset()[0]


@pytest.mark.parametrize(("lengths", "sizes"), [([7, 3], [7, 3]), ([0.75, 0.25], [8, 2]), ([0.5, 0.3, 0.2], [5, 3, 2])])
def test_random_split(lengths: Any, sizes: list[int]) -> None:
    parts = random_split(TensorDataset(X, Y), lengths, generator=torch.Generator().manual_seed(0))
    assert [len(each) for each in parts] == sizes
    assert sorted(int(y) for part in parts for _, y in part) == list(range(10))


def test_a_split_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="does not equal the length of the input dataset! 9 and 10"):
        random_split(TensorDataset(X, Y), [6, 3])
    with pytest.raises(ValueError, match="Fraction at index 0 is not between 0 and 1"):
        random_split(TensorDataset(X, Y), [1.5, -0.5])
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        random_split([1], [0.5, 0.5])


def test_samplers() -> None:
    assert list(SequentialSampler(Y)) == list(range(10))
    assert list(BatchSampler(SequentialSampler(Y), 4, drop_last=True)) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert sorted(RandomSampler(Y)) == list(range(10))
    assert len(list(RandomSampler(Y, num_samples=23))) == len(RandomSampler(Y, num_samples=23)) == 23
    assert set(RandomSampler(Y, replacement=True, num_samples=40)) <= set(range(10))
    assert sorted(SubsetRandomSampler([3, 5])) == [3, 5]
    assert set(WeightedRandomSampler([0.0, 1.0, 0.0, 2.0], 50)) == {1, 3}
    sampler = WeightedRandomSampler(torch.tensor([1.0, 1.0]), 2, replacement=False)
    assert [y.tolist() for y in DataLoader(Y, batch_sampler=BatchSampler(sampler, 2, False))] in ([[0, 1]], [[1, 0]])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"shuffle": True, "sampler": [0]}, "mutually exclusive with shuffle"),
        ({"batch_sampler": [[0]], "batch_size": 2}, "mutually exclusive with batch_size"),
        ({"batch_size": None, "drop_last": True}, "disables auto-batching"),
        ({"batch_size": 0}, "positive integer value, but got batch_size=0"),
        ({"batch_size": 2.5}, "positive integer value, but got batch_size=2.5"),
        ({"num_workers": -1}, "non-negative"),
        ({"prefetch_factor": 2}, "prefetch_factor"),
        ({"persistent_workers": True}, "num_workers > 0"),
        ({"timeout": -1}, "timeout"),
    ],
)
def test_options_that_exclude_one_another_are_refused(options: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        DataLoader(Y, **options)


def test_options_for_workers_are_taken() -> None:
    loader = DataLoader(Y, 5, num_workers=2, pin_memory=True, persistent_workers=True, prefetch_factor=4)
    assert [each.tolist() for each in loader] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
