"""The ledger of claims: what is commonly said of mixed precision, put to the test.

The words are those of datarekha's interview question "What is mixed precision training and why does it matter?".
An entry computes its figures when it is asked for, and its verdict follows from them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simfp import encode, float16, float32
from simfp.course.claims import costs
from simfp.course.claims.verdict import VERDICTS, Finding
from simfp.course.display import Table
from simfp.course.lesson_03 import tell_gpu, what_the_gpu_did
from simfp.course.lesson_06 import recorded_bits
from simfp.course.lesson_07 import by_recipe, silently
from simfp.course.lesson_08 import SEEDS, SWEEP_STEPS, compared, kept_in_words, last_scale
from simfp.course.lesson_09 import measured, sizes
from simfp.course.lesson_11 import UNDER_AUTOCAST, against_fp32, recorded
from simfp.experiments.mixed_precision import loss_scale
from simfp.experiments.mixed_precision.autocast_blocks import follow
from simfp.experiments.numbers import gradients
from simfp.experiments.training.races import RATES, stored
from simfp.experiments.training.recipe_runs import SITUATIONS
from simfp.figures.words import decimal, percent, power_of_two
from simfp.rounding import round_to

__all__ = ["CLAIMS", "VERDICTS", "Claim", "Finding", "show"]

GPU = {"keep": "keeps them", "flush": "flushes them"}


@dataclass(frozen=True)
class Claim:
    """One claim: its words, the lesson that tests it, and the experiment."""

    id: str
    words: str
    lesson: str
    experiment: Callable[[], Finding]


def storage() -> Finding:
    """What halves with fp16, and what grows."""
    values = np.ones(1_000_000, np.float32)
    codes = encode(values, "float16")
    halves = 2 * codes.nbytes == values.nbytes
    master = (float16.bits + float32.bits) / float32.bits
    figures = (
        f"{len(values):,} values take {values.nbytes:,} bytes in fp32 and {codes.nbytes:,} in fp16: "
        f"{codes.nbytes / values.nbytes:.0%}.",
        f"A weight that is kept in fp32 with a copy in fp16 takes {float32.bits // 8} + {float16.bits // 8} bytes: "
        f"{master:.0%} of fp32 alone.",
    )
    if not halves:
        return Finding(figures, "does not hold", "fp16 values do not take half the bytes")
    if master <= 1:
        return Finding(figures, "holds")
    which = "for what is kept in 16 bits alone, as activations can be; with a master copy beside them the weights grow"
    return Finding(figures, "holds under conditions", which)


def underflow() -> Finding:
    """What becomes of gradients below 6e-5, with subnormals and without."""
    claimed = 6e-5
    small = gradients.load("recorded").values
    small = small[np.abs(small) < claimed].astype(np.float64)
    zeroed = {mode: int(np.sum(round_to(small, "fp16", subnormals=mode) == 0)) for mode in ("keep", "flush")}
    kept, flushed = (percent(count, len(small)) for count in zeroed.values())
    normal, last_lost = decimal(float16.smallest_normal, 2), decimal(float16.smallest_subnormal / 2, 2)
    figures = (
        f"Precision fades below {normal}, the smallest normal fp16 number; what is at most {last_lost} becomes zero.",
        f"Of {len(small):,} recorded gradients below 6e-5, {kept} become zero; with subnormals flushed, {flushed}.",
        tell_gpu(),
    )
    if zeroed["keep"] == len(small):
        return Finding(figures, "holds")
    if zeroed["flush"] == len(small):
        return Finding(
            figures,
            "holds under conditions",
            f"only with subnormals flushed to zero; the GPU recorded here {GPU[what_the_gpu_did()]}",
        )
    return Finding(figures, "does not hold")


def tensor_cores() -> Finding:
    """Whose bits recorded fp16 products have: those of fused steps, or those of fp32 additions."""
    told = recorded_bits("float16")
    figures = (
        f"Of {told.elements:,} elements of fp16 products {told.fused:,} have the bits of fused steps (16 products and "
        f"the running sum, aligned, cut off 25 bits below the largest, truncated to fp32); {told.ordinary:,} have "
        f"those of fp32 additions, one after the other.",
        f"The products were {told.source}.",
    )
    if told.fused == told.elements > told.ordinary:
        which = (
            "on the H100 recorded here; no A100 was asked. What such a unit adds up is not what fp32 would; how fast "
            "it is comes later"
        )
        return Finding(figures, "holds under conditions", which)
    return Finding(figures, "does not hold", "some recorded bits are not those of a tensor core")


def silent_zeros() -> Finding:
    """What fp16 without loss scaling zeroed in recorded runs of several seeds, and what that did to them."""
    found = silently()
    usual, small = found["usual"], found["small gradients"]
    odd = sum(run["diverged_at"] is not None for run in by_recipe("usual", "fp16"))
    harmless, ruined = (0.0 - round(float(np.mean(found[name])), 1) for name in ("points", "points small"))
    figures = (
        f"In {len(usual)} runs of a perceptron in fp16 without loss scaling, {min(usual):.1%} to {max(usual):.1%} of "
        f"the backward pass's numbers that were not zero became zero; {odd} losses were infinite or NaN.",
        f"Right answers, against fp32 from the same seeds: {harmless:+.1f} percentage points.",
        f"With the loss times 2^-16, {min(small):.1%} to {max(small):.1%} became zero, as silently: "
        f"{ruined:+.0f} percentage points. Whether it does harm depends on how small the gradients are.",
    )
    if min(usual) > 0 and min(small) > 0 and not odd:
        return Finding(figures, "holds")
    return Finding(figures, "does not hold", "some run zeroed nothing, or its loss told of it")


def no_scaling() -> Finding:
    """What bf16 zeroed in recorded runs without loss scaling, and how they did."""
    rows = [row for row in recorded() if row["recipe"] == "bf16"]
    zeroed, counted = (sum(row[name] for row in rows) for name in ("zeroed", "counted"))
    small = {row.recipe: row for row in against_fp32("small gradients")}
    figures = (
        f"In {len(rows)} runs of a perceptron in bf16 under autocast, without scaling, {zeroed:,} of {counted:,} "
        f"numbers of the backward pass became zero.",
        f"With every gradient 65,536 times smaller, bf16 stands at {small['bf16'].points:+.1f} percentage points "
        f"against fp32, fp16 without a scaler at {small['fp16'].points:+.0f}.",
    )
    if zeroed == 0 and abs(small["bf16"].points) <= small["bf16"].margin:
        return Finding(figures, "holds")
    return Finding(figures, "does not hold", "some gradients vanished in bf16, or it did worse than fp32")


def quality() -> Finding:
    """How far recorded runs under each recipe are from fp32, from the same seeds."""
    usual = {row.recipe: row for row in against_fp32("usual")}
    autocast = [usual[name] for name in UNDER_AUTOCAST]
    worst = max(autocast, key=lambda row: abs(row.points))
    everywhere = [(row.points, row.recipe, situation) for situation in SITUATIONS for row in against_fp32(situation)]
    fell, recipe, situation = min(everywhere)
    told = ", ".join(f"{row.recipe} {row.points:+.2f} ± {row.margin:.2f}" for row in autocast)
    figures = (
        f"A perceptron on digits, five seeds, percentage points of right answers against fp32, with 95 % confidence: "
        f"{told}; with bf16 weights too {usual['pure bf16'].points:+.2f} ± {usual['pure bf16'].margin:.2f}.",
        f"At worst, {recipe} in the situation called {situation!r}: {fell:+.0f} points.",
    )
    if abs(worst.points) > 0.3:
        return Finding(figures, "does not hold", f"{worst.recipe} is {abs(worst.points):.2f} points away")
    if fell >= -0.3:
        return Finding(figures, "holds")
    which = (
        "with weights in fp32, and gradients that the format can hold; then the seed matters more than the recipe. A "
        "small network, and margins of about the size of the claim: no finer than that"
    )
    return Finding(figures, "holds under conditions", which)


def tiny_updates() -> Finding:
    """How large the updates of two networks are, and what becomes of them beside their weights."""
    claimed = 1e-7
    runs = {"a GPT with AdamW": sizes("gpt"), "a perceptron with SGD": sizes("mlp")}
    shares = {name: float(np.mean(moved <= claimed)) for name, moved in runs.items()}
    figures = tuple(
        f"Of the updates of {name} {percent(int(np.sum(moved <= claimed)), moved.size)} are 1e-7 or smaller; half of "
        f"them are above {decimal(float(np.median(moved)), 2)}."
        for name, moved in runs.items()
    )
    least, most = min(shares.values()), max(shares.values())
    if least > 0.5:
        return Finding(figures, "holds")
    if most > 0.05:
        return Finding(
            figures, "holds under conditions", "in some networks; what decides is the size beside the weight"
        )
    lost = f"{measured('pure bf16').share:.0%}"
    beside = (
        f"With bf16 weights {lost} of a step's updates are lost all the same: what decides is the weight beside them."
    )
    return Finding((*figures, beside), "does not hold")


def master_copy() -> Finding:
    """What is lost in the update of weights of each format, and what other ways there are."""
    shares = {name: measured(name).share for name in ("fp32", "pure fp16", "pure bf16")}
    standing = stored(min(RATES))
    told = ", ".join(f"{name} {100 * share:.2f} %" for name, share in shares.items())
    ends = {name: np.sort(standing.last(name)) for name in standing.recipes}
    raced = ", ".join(f"{name} {decimal(last[0], 3)} to {decimal(last[-1], 3)}" for name, last in ends.items())
    figures = (
        f"Updates of one step that left their weight as it was: {told}.",
        f"Losses from {len(standing.seeds)} seeds after {standing.points * standing.every:,} steps at lr = "
        f"{decimal(standing.lr)}: {raced}.",
    )
    # every seed has to agree: that it stands still, and that the way out leads as far as fp32
    stalled = [fmt for fmt in ("fp16", "bf16") if standing.fallen(f"pure {fmt}").max() < 0.1]
    if shares["fp32"] > 0.01 or not stalled:
        return Finding(figures, "does not hold", "weights in 16 bits go on as those in fp32 do")
    others = [f"pure {fmt} + {way}" for fmt in stalled for way in ("kahan", "stochastic")]
    if any(standing.fallen(name).min() < 0.95 for name in others):
        return Finding(figures, "holds")
    which = (
        f"nearly nothing is lost, and a float32 copy is one way: Kahan's compensation and stochastic rounding of "
        f"{' or '.join(stalled)} weights are two others"
    )
    return Finding(figures, "holds under conditions", which)


def forward_in_fp16() -> Finding:
    """How many operations of a transformer block's forward pass run in fp16, and what the others are."""
    trace = follow("transformer")
    low = [step for step in trace.forward if step.fmt == "float16"]
    wide = sorted({step.operation for step in trace.forward if step.fmt == "float32"})
    products = [step for step in trace.forward if step.rule == "lower_precision"]
    figures = (
        f"Of {len(trace.forward)} operations of a transformer block {len(low)} have a result in fp16, among them all "
        f"{len(products)} products; in fp32 are {', '.join(wide)}.",
    )
    if not wide:
        return Finding(figures, "holds")
    if all(step.fmt == "float16" for step in products):
        return Finding(
            figures, "holds under conditions", "for the products and what follows them; sums, norms and losses are fp32"
        )
    return Finding(figures, "does not hold")


def backward_in_fp16() -> Finding:
    """How many operations of the backward pass run in fp16, and what the weights' gradients are in."""
    trace = follow("transformer")
    steps = [step for step in trace.backward if not step.cast and step.of is not None]
    low = sum(step.fmt == "float16" for step in steps)
    alike = all(step.fmt == trace.forward[step.of or 0].fmt for step in steps)
    weights = {each.fmt for step in trace.backward for each in step.gradients if each.parameter}
    figures = (
        f"Of {len(steps)} operations on the way back {low} run in fp16"
        f"{', each in the format of its forward pass' if alike else ''}; the gradients of weights end in "
        f"{' and '.join(sorted(weights))}.",
    )
    if low == len(steps):
        return Finding(figures, "holds")
    if alike:
        return Finding(figures, "holds under conditions", "for what ran in fp16 forward, and no other")
    return Finding(figures, "does not hold")


def loss_scaling() -> Finding:
    """What a scale does for the gradients of a network, and where there is none that will do."""
    window = loss_scale.windows("deep")[2]
    plain, best = window.at(1.0), max(window.fits())
    scaled = window.at(2.0**best)
    size = int(plain.counts.sum())
    shares = {}
    for name, found in (("plain", plain), ("scaled", scaled)):
        counts = dict(zip(loss_scale.FATES, found.counts.sum(0).tolist(), strict=True))
        shares[name] = (percent(counts["lost"], size), percent(counts["same"], size))
    end, steps = last_scale()
    figures = (
        f"Of {size:,} gradients of nine layers after {window.step} steps, fp16 loses {shares['plain'][0]} without a "
        f"scale and keeps all bits of {shares['plain'][1]}; times {power_of_two(best)} and divided again, "
        f"{shares['scaled'][0]} and {shares['scaled'][1]}.",
        kept_in_words(),
        f"Where every forward pass overflows, the scale is {decimal(end)} after {steps} steps.",
    )
    if scaled.lost >= plain.lost:
        return Finding(figures, "does not hold", "no fewer gradients are lost")
    which = "for gradients, and as long as they span less than fp16 does; what overflows in the forward pass stays so"
    return Finding(figures, "holds under conditions", which)


def accuracy() -> Finding:
    """Accuracy in fp16 with a GradScaler beside fp32, over a few seeds."""
    fp32, scaled, deviation = compared()
    figures = (
        f"A perceptron on digits, {SWEEP_STEPS} steps, {len(SEEDS)} seeds: {fp32:.2f} % right in fp32, {scaled:.2f} % "
        f"in fp16 with a GradScaler. From seed to seed fp32 itself varies by {deviation:.2f} points.",
    )
    if abs(scaled - fp32) > max(deviation, 0.5):
        return Finding(figures, "does not hold", "not for this network")
    return Finding(figures, "holds under conditions", "as far as one small network tells; more of them come later")


# fmt: off
#         id           the source's words                                                                         lesson
CLAIMS = (
    Claim("storage",   "Halving the storage of activations",                                                      "01", storage),  # noqa: E501
    Claim("underflow", "float16 underflows values below ~6e-5, silently zeroing out small gradient components",   "03", underflow),  # noqa: E501
    Claim("tensor cores", "Modern GPUs (A100, H100) run float16 matrix multiplications in specialised tensor cores",  "06", tensor_cores),  # noqa: E501
    Claim("silently",  "silently zeroing out small gradient components",                                          "07", silent_zeros),  # noqa: E501
    Claim("loss scaling", "GradScaler multiplies the loss by a large scale factor before backprop (shifting gradient magnitudes into the representable range)",  "08", loss_scaling),  # noqa: E501
    Claim("accuracy", "negligible accuracy loss when used with loss scaling",  "08", accuracy),
    Claim("tiny updates", "Gradient updates are tiny (often 1e-7 or smaller)",                                      "09", tiny_updates),  # noqa: E501
    Claim("master copy", "The optimizer step is therefore kept in float32 so precision is not lost during the weight update", "09", master_copy),  # noqa: E501
    Claim("forward in fp16",  "with autocast():                      # forward in fp16",                          "10", forward_in_fp16),  # noqa: E501
    Claim("backward in fp16", "scaler.scale(loss).backward()         # backward in fp16, scaled",                 "10", backward_in_fp16),  # noqa: E501
    Claim("no scaling", "it eliminates the need for loss scaling entirely",                                       "11", no_scaling),  # noqa: E501
    Claim("quality",   "Quality: typically within 0.1–0.3 % of float32 on standard benchmarks",                   "11", quality),  # noqa: E501
    Claim("products",  "Modern GPUs (A100, H100) run float16 matrix multiplications in specialised tensor cores at 2–4x the throughput of float32", "13", costs.products),  # noqa: E501
    Claim("halving",   "This halves memory usage",                                                                "13", costs.halving),  # noqa: E501
    Claim("batch",     "either a 2x larger batch or a 2x larger model fits on the same hardware",                 "13", costs.batch),  # noqa: E501
    Claim("throughput", "and delivers 2–4x throughput on modern tensor cores",                                    "13", costs.throughput),  # noqa: E501
    Claim("gpt-2 memory", "Training a GPT-2 sized model: ~40 % reduction in GPU memory",                          "13", costs.memory_of_gpt2),  # noqa: E501
    Claim("gpt-2 speed", "~2x tokens/second",                                                                     "13", costs.tokens),  # noqa: E501
    Claim("quality on a GPU", "Quality: typically within 0.1–0.3 % of float32 on standard benchmarks",                   "13", costs.quality),  # noqa: E501
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
