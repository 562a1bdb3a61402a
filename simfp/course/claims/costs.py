"""The claims about memory, speed and quality, put to the test on what an H200 measured."""

from __future__ import annotations

from collections.abc import Sequence

from simfp.course.claims.verdict import Finding
from simfp.course.lessons.lesson_13.facts import largest, less_memory, speedup, times_faster
from simfp.experiments.memory.model_sizes import GPT, GPT_SIZES, RECIPES
from simfp.experiments.memory.timeline import WIDTHS
from simfp.experiments.memory.training_step import Memory, memory
from simfp.figures.words import gib, share
from simfp.silicon import measurements

__all__ = ["batch", "halving", "memory_of_gpt2", "products", "quality", "throughput", "tokens"]

MODEL = "GPT-2 124M (own code, AdamW, 1,024 tokens, no dropout)"


def _span(numbers: Sequence[float], form: str = ".0f") -> str:
    """The smallest and the largest, or one where both read the same."""
    low, high = f"{min(numbers):{form}}", f"{max(numbers):{form}}"
    return low if low == high else f"{low} to {high}"


def _less(recipe: str, **options: bool) -> list[float]:
    return [less_memory(recipe, size, **options) for size in measurements.BATCHES]


def _faster(over: str) -> list[float]:
    recipes = ("fp16", "bf16")
    return [speedup(recipe, size, over) for recipe in recipes for size in measurements.BATCHES]


def _source(name: str = "measure") -> str:
    return f"Figures were {measurements.provenance(name)}."


def _measured_less() -> tuple[str, ...]:
    plain, checkpointed, narrow = _less("fp16"), _less("fp16", checkpointing=True), _less("bf16_weights")
    written_out = less_memory("fp16", measurements.BATCHES[0], explicit=True)
    return (
        f"{MODEL}, batches of {', '.join(map(str, measurements.BATCHES))}: under fp16 autocast the peak lies "
        f"{_span(plain)} % below fp32's; with checkpointing {_span(checkpointed)} %; with attention written out "
        f"{written_out:.1f} %.",
        f"With weights, gradients and AdamW's states in bf16 too: {_span(narrow)} %.",
        _source(),
    )


def halving() -> Finding:
    """Whether memory halves."""
    narrow = [share(100 - less, 100) for less in _less("bf16_weights")]
    if max(_less("fp16")) >= 45:
        return Finding(_measured_less(), "holds")
    if min(_less("bf16_weights")) >= 45:
        which = f"only with everything in 16 bits, weights and states too ({', '.join(narrow)}); not under autocast"
        return Finding(_measured_less(), "holds under conditions", which)
    return Finding(_measured_less(), "does not hold")


def memory_of_gpt2() -> Finding:
    """Whether GPT-2 takes about 40 % less."""
    most, least = (
        [(100 - 100 * fp16.peak / fp32.peak, fp32.peak, size.name) for size, fp32, fp16 in _both(*options)]
        for options in ((64, False), (1, True))
    )
    saved, whole, name = max(most)
    figures = (
        *_measured_less(),
        f"Computed for all four sizes of GPT-2: the most is {saved:.0f} %, {name} with batch 64, which takes "
        f"{gib(whole)} in fp32; with attention written out and batch 1, up to {-min(least)[0]:.0f} % more than fp32.",
    )
    if any(35 <= less <= 45 for less in _less("fp16")):
        return Finding(figures, "holds")
    why = (
        f"on GPT-2 124M autocast saved {_span(_less('fp16'))} %, the more the larger the batch; it depends on the "
        f"size, the batch, and how the model is written"
    )
    return Finding(figures, "does not hold", why)


def _both(batch: int, explicit: bool) -> list[tuple[GPT, Memory, Memory]]:
    """Each size of GPT-2 in fp32 and under fp16 autocast, computed."""
    return [
        (size, memory(size, "fp32", batch, explicit=explicit), memory(size, "fp16", batch, explicit=explicit))
        for size in GPT_SIZES
    ]


def batch() -> Finding:
    """Whether the batch, or the model, can be twice as large."""
    batches = {name: largest(name) for name in ("fp32", "fp16", "bf16_weights")}
    times = batches["fp16"] / batches["fp32"]
    kept = [measurements.saved(name) for name in ("fp32", "fp16")]
    figures = (
        f"Computed: into 80 GiB go batches of {batches['fp32']} in fp32, {batches['fp16']} under fp16 autocast "
        f"({times:.2f} times), {batches['bf16_weights']} with bf16 weights.",
        f"Of what autograd keeps (batch {measurements.BATCHES[0]}), autocast's {gib(kept[1])} are "
        f"{share(kept[1], kept[0])} of fp32's {gib(kept[0])}: residual stream and layer_norm stay in fp32, the logits "
        f"are kept twice, and copies of the weights come on top.",
        f"Weights, gradients and AdamW's states take {4 * WIDTHS[RECIPES[0].weights]} bytes a parameter in fp32 and "
        f"{4 * WIDTHS[RECIPES[2].weights]} under autocast: no larger model fits for that.",
        _source(),
    )
    if times >= 1.9:
        return Finding(figures, "holds")
    return Finding(figures, "does not hold", f"{times:.1f} times the batch, and no larger model, on this one")


def throughput() -> Finding:
    """Whether training runs 2 to 4 times as fast."""
    return _speed(low=2, high=4.2)


def tokens() -> Finding:
    """Whether GPT-2 trains at about twice the tokens a second."""
    return _speed(low=1.8, high=2.3)


def _speed(low: float, high: float) -> Finding:
    plain, tensor = _faster("fp32"), _faster("tf32")
    figures = (
        f"{MODEL}: tokens a second under fp16 and bf16 autocast are {_span(plain, '.1f')} times fp32's, and "
        f"{_span(tensor, '.1f')} times those of fp32 with tf32 products.",
        _source(),
    )
    if low <= min(plain) and max(plain) <= high:
        which = f"against fp32 with tf32 off; against tf32, one line of code, it is {_span(tensor, '.1f')} times"
        return Finding(figures, "holds under conditions", which)
    if min(plain) > low:
        why = (
            f"more against plain fp32 ({_span(plain, '.1f')} times), less against fp32 with tf32 products "
            f"({_span(tensor, '.1f')} times)"
        )
        return Finding(figures, "does not hold", why)
    return Finding(figures, "does not hold")


def products() -> Finding:
    """How much faster products are in fp16, and operations that memory bounds."""
    plain, tensor = times_faster("matmul", "float16"), times_faster("matmul", "float16", "tfloat32")
    moved = [times_faster(name, "float16") for name in ("relu", "add", "layer_norm")]
    size = measurements.product_sizes()[-1]
    rate = measurements.matmul("float16", size)
    figures = (
        f"Products of {size} × {size} matrices: fp16 {rate['flops'] / rate['seconds'] / 1e12:.0f} TFLOP/s, {plain:.0f} "
        f"times fp32's, {tensor:.1f} times tf32's.",
        f"Where bytes decide (relu, addition, layer_norm): {_span(moved, '.1f')} times.",
        _source(),
    )
    if 2 <= plain <= 4:
        return Finding(figures, "holds")
    why = f"{plain:.0f} times against fp32 without tensor cores, {tensor:.1f} times against fp32 on them (tf32)"
    return Finding(figures, "does not hold", why)


def quality() -> Finding:
    """Whether a model trained in 16 bits ends within 0.1 to 0.3 % of one in float32."""
    claimed = 0.3
    told = {each.name: each for each in measurements.differences()}
    narrow = [told[name] for name in ("fp16", "bf16")]
    trained = measurements.quality()
    chance = told["fp32 nudged"]
    figures = (
        *(
            f"{each.name} autocast: validation loss {each.mean:+.3f} % ± {2 * each.error:.3f} % of fp32's (mean of "
            f"{len(each.each)} seeds, two standard errors)."
            for each in narrow
        ),
        f"Chance alone, fp32 with its weights nudged by 2⁻²⁰: {chance.mean:+.3f} % ± {2 * chance.error:.3f} %. From "
        f"seed to seed fp32 spreads by {chance.spread:.2f} %.",
        f"A language model of {trained['model']['parameters']:,} parameters, {trained['training']['steps']:,} steps on "
        f"made text. {_source('quality')}",
    )
    if all(each.reach <= claimed for each in narrow):
        which = "on this small model, with the scaler for fp16; no difference from chance is to be seen"
        return Finding(figures, "holds under conditions", which)
    return Finding(figures, "does not hold")
