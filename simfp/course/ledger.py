"""The ledger of claims: what is commonly said of mixed precision, put to the test.

The words are those of datarekha's interview question "What is mixed precision training and why does it matter?".
A claim is put to the test when it is asked for: its experiment, in `simfp.course.claims`, is loaded and run then, its
figures are computed, and its verdict follows from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from simfp.course import claims
from simfp.course.claims.verdict import VERDICTS, Finding
from simfp.course.display import Table

__all__ = ["CLAIMS", "VERDICTS", "Claim", "Finding", "show"]


@dataclass(frozen=True)
class Claim:
    """One claim: its words, the lesson that tests it, and where its experiment is."""

    id: str
    words: str
    lesson: str
    tested_by: str  # a function of a module of simfp.course.claims: "numbers.storage"

    def experiment(self) -> Finding:
        """What comes out, computed now."""
        module, _, name = self.tested_by.partition(".")
        found: Finding = getattr(import_module(f"{claims.__name__}.{module}"), name)()
        return found


# fmt: off
#         id           the source's words                                                                         lesson
CLAIMS = (
    Claim("storage",   "Halving the storage of activations",                                                      "01", "numbers.storage"),  # noqa: E501
    Claim("underflow", "float16 underflows values below ~6e-5, silently zeroing out small gradient components",   "03", "numbers.underflow"),  # noqa: E501
    Claim("tensor cores", "Modern GPUs (A100, H100) run float16 matrix multiplications in specialised tensor cores",  "06", "numbers.tensor_cores"),  # noqa: E501
    Claim("silently",  "silently zeroing out small gradient components",                                          "07", "training.silent_zeros"),  # noqa: E501
    Claim("loss scaling", "GradScaler multiplies the loss by a large scale factor before backprop (shifting gradient magnitudes into the representable range)",  "08", "loss_scaling.loss_scaling"),  # noqa: E501
    Claim("accuracy", "negligible accuracy loss when used with loss scaling",  "08", "training.accuracy"),
    Claim("tiny updates", "Gradient updates are tiny (often 1e-7 or smaller)",                                      "09", "updates.tiny_updates"),  # noqa: E501
    Claim("master copy", "The optimizer step is therefore kept in float32 so precision is not lost during the weight update", "09", "updates.master_copy"),  # noqa: E501
    Claim("forward in fp16",  "with autocast():                      # forward in fp16",                          "10", "autocast.forward_in_fp16"),  # noqa: E501
    Claim("backward in fp16", "scaler.scale(loss).backward()         # backward in fp16, scaled",                 "10", "autocast.backward_in_fp16"),  # noqa: E501
    Claim("no scaling", "it eliminates the need for loss scaling entirely",                                       "11", "training.no_scaling"),  # noqa: E501
    Claim("quality",   "Quality: typically within 0.1–0.3 % of float32 on standard benchmarks",                   "11", "training.quality"),  # noqa: E501
    Claim("products",  "Modern GPUs (A100, H100) run float16 matrix multiplications in specialised tensor cores at 2–4x the throughput of float32", "13", "costs.products"),  # noqa: E501
    Claim("halving",   "This halves memory usage",                                                                "13", "costs.halving"),  # noqa: E501
    Claim("batch",     "either a 2x larger batch or a 2x larger model fits on the same hardware",                 "13", "costs.batch"),  # noqa: E501
    Claim("throughput", "and delivers 2–4x throughput on modern tensor cores",                                    "13", "costs.throughput"),  # noqa: E501
    Claim("gpt-2 memory", "Training a GPT-2 sized model: ~40 % reduction in GPU memory",                          "13", "costs.memory_of_gpt2"),  # noqa: E501
    Claim("gpt-2 speed", "~2x tokens/second",                                                                     "13", "costs.tokens"),  # noqa: E501
    Claim("quality on a GPU", "Quality: typically within 0.1–0.3 % of float32 on standard benchmarks",                   "13", "costs.quality"),  # noqa: E501
)
# fmt: on


def show(lesson: str | None = None) -> Table:
    """The ledger as it stands, whole or of one lesson: each claim, its figures, its verdict. Computed now."""
    rows = []
    for claim in CLAIMS:
        if lesson in (None, claim.lesson):
            figures, verdict, conditions = claim.experiment()
            rows.append((f"“{claim.words}”", " ".join(figures), f"{verdict}: {conditions}" if conditions else verdict))
    if not rows:
        lessons = ", ".join(sorted({claim.lesson for claim in CLAIMS}))
        raise ValueError(f"no claim is tested in lesson {lesson!r}; expected one of {lessons}")
    return Table("The ledger of claims", ("the claim", "what came out", "verdict"), rows)
