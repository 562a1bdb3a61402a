"""One line of the results."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Row:
    """One measurement of simfp, its limit, and the same of others."""

    what: str
    unit: str
    simfp: float
    limit: float
    others: dict[str, float] = field(default_factory=dict)
    copy_limit: float | None = None  # at most so many times np.copyto

    @property
    def met(self) -> bool:
        """Whether the limits hold."""
        within_copies = self.copy_limit is None or self.simfp <= self.copy_limit * self.others["np.copyto"]
        return self.simfp <= self.limit and within_copies
