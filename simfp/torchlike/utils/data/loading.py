"""DataLoader: batches of a data set's samples, collated into tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from simfp.arrays import Array
from simfp.autograd import Tensor, as_tensor
from simfp.autograd import functions as of
from simfp.randomness import Chance
from simfp.torchlike.factories import tensor
from simfp.torchlike.utils.data.datasets import IterableDataset
from simfp.torchlike.utils.data.samplers import BatchSampler, RandomSampler, SequentialSampler

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]


class DataLoader:
    """Batches of samples, made anew each time it is gone through.

    batch_size: of the batches; None for single samples, as `default_convert` makes them. shuffle: in random order.
    drop_last: leave out what does not fill a batch. sampler, batch_sampler: in which order, in their place.
    collate_fn: makes a batch of a list of samples; `default_collate` if not given.
    generator: what shuffles; the shared one of `manual_seed` if not given.
    num_workers, pin_memory, timeout, prefetch_factor, persistent_workers and the like: taken and checked as torch does;
    everything runs in this process, one batch after the other, and `worker_init_fn` is never called.

    Raises ValueError for options that exclude one another.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Any = None,
        batch_sampler: Any = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Any = None,
        multiprocessing_context: Any = None,
        generator: Chance = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        self._by_order = isinstance(dataset, IterableDataset)
        if self._by_order and (shuffle or sampler is not None or batch_sampler is not None):
            raise ValueError(
                "DataLoader with IterableDataset: expected unspecified shuffle, sampler and batch_sampler options"
            )
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
                )
            batch_size, drop_last = None, False
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        if sampler is None and not self._by_order:
            sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        if batch_size is not None and not self._by_order:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        elif batch_size is not None and (not isinstance(batch_size, int) or batch_size <= 0):
            raise ValueError(f"batch_size should be a positive integer value, but got batch_size={batch_size}")
        self.dataset, self.batch_size, self.drop_last = dataset, batch_size, drop_last
        self.sampler, self.batch_sampler, self.generator = sampler, batch_sampler, generator
        self.num_workers, self.pin_memory, self.timeout = num_workers, pin_memory, timeout
        self.prefetch_factor, self.persistent_workers = prefetch_factor, persistent_workers
        self.worker_init_fn = worker_init_fn
        batched = batch_size is not None or batch_sampler is not None
        self.collate_fn = collate_fn or (default_collate if batched else default_convert)

    def __class_getitem__(cls, kind: Any) -> Any:
        return cls

    def __iter__(self) -> Iterator[Any]:
        if self._by_order:
            return self._in_their_order()
        if self.batch_sampler is None:
            return (self.collate_fn(self.dataset[index]) for index in self.sampler)
        return (self.collate_fn(_fetched(self.dataset, indices)) for indices in self.batch_sampler)

    def _in_their_order(self) -> Iterator[Any]:
        samples = iter(self.dataset)
        if self.batch_size is None:
            yield from map(self.collate_fn, samples)
            return
        while batch := list(islice(samples, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield self.collate_fn(batch)

    def __len__(self) -> int:
        if not self._by_order:
            return len(self.sampler if self.batch_sampler is None else self.batch_sampler)
        count = len(self.dataset)
        if self.batch_size is None:
            return count
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)


def _check_workers(num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool) -> None:
    """Raises ValueError where torch does."""
    if num_workers < 0:
        raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 to enable "
            "multiprocessing, otherwise set prefetch_factor to None."
        )
    if persistent_workers and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")


def _fetched(dataset: Any, indices: Any) -> list[Any]:
    """The samples of a batch."""
    if getattr(dataset, "__getitems__", None):
        return dataset.__getitems__(indices)  # type: ignore[no-any-return]
    return [dataset[index] for index in indices]


def get_worker_info() -> None:
    """None: there are no workers."""


def default_convert(data: Any) -> Any:
    """A sample with its NumPy arrays as tensors, within mappings and sequences too."""
    if isinstance(data, (np.ndarray, np.generic)) and data.dtype.kind in "biufV":
        return tensor(data)
    if isinstance(data, Mapping):
        return {key: default_convert(value) for key, value in data.items()}
    if isinstance(data, tuple):
        parts = [default_convert(each) for each in data]
        return type(data)(*parts) if hasattr(data, "_fields") else parts
    if isinstance(data, list):
        return [default_convert(each) for each in data]
    return data


def default_collate(batch: Sequence[Any]) -> Any:
    """Samples as one: tensors and arrays stacked along a new first axis, numbers as a tensor, strings as a list.

    Mappings, tuples and lists are collated part by part, and keep their kind but for tuples, which become lists.
    Python's floats make float32, since simfp has no float64.

    Raises TypeError for anything else, RuntimeError for parts of different lengths.
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return of.stack(list(batch), 0)
    if isinstance(first, Array):
        return of.stack([as_tensor(each) for each in batch], 0)
    if isinstance(first, (np.ndarray, np.generic)):
        if first.dtype.kind not in "biufV":
            raise TypeError(f"default_collate: batch must contain numbers; found an array of {first.dtype}")
        return tensor(np.stack([np.asarray(each) for each in batch]))
    if isinstance(first, (bool, int, float)):
        return tensor(list(batch))
    if isinstance(first, (str, bytes)):
        return list(batch)
    if isinstance(first, Mapping):
        return {key: default_collate([each[key] for each in batch]) for key in first}
    if isinstance(first, Sequence):
        if any(len(each) != len(first) for each in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        parts = [default_collate(list(part)) for part in zip(*batch)]
        return type(first)(*parts) if hasattr(first, "_fields") else parts
    raise TypeError(
        "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found "
        f"{type(first).__name__}"
    )
