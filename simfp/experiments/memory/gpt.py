"""One training step of a GPT, told tensor by tensor: what each operation makes, keeps and lets go."""

from __future__ import annotations

from dataclasses import dataclass

from simfp.experiments.memory.model_sizes import GPT, TorchRecipe
from simfp.experiments.memory.operations import Formats, Step
from simfp.experiments.memory.timeline import Held, Timeline

__all__ = ["gpt_step"]


@dataclass
class Norm:
    """What a layer_norm keeps."""

    input: Held
    statistics: tuple[Held, Held]


@dataclass
class BlockKept:
    """What one block keeps for its backward pass."""

    norms: tuple[Norm, Norm]
    attention: list[Held]
    mixed: Held  # attention's output, c_proj's input
    inputs: tuple[Held, Held, Held]  # of c_attn, fc and proj
    before_gelu: Held
    casts: dict[str, list[Held]]


@dataclass
class Gpt:
    """One step of a GPT."""

    step: Step
    size: GPT
    batch: int
    context: int
    explicit: bool

    @property
    def stream(self) -> int:
        """Values of the residual stream."""
        return self.batch * self.context * self.size.width

    def norm(self, x: Held) -> tuple[Norm, Held]:
        """What is kept, and the output."""
        rows = self.batch * self.context
        hold = self.step.hold
        output = hold("layer_norm", "output", self.stream, self.step.formats.norms)
        statistics = hold("layer_norm", "mean", rows, "float32"), hold("layer_norm", "rstd", rows, "float32")
        return Norm(x, statistics), output

    def block(self, x: Held) -> tuple[BlockKept, Held]:
        """One block's forward pass: what it keeps, and its output."""
        step, n, d = self.step, self.stream, self.size.width
        hold, drop, products = step.hold, step.timeline.drop, step.formats.products
        casts: dict[str, list[Held]] = {}

        first, normed = self.norm(x)
        taken = step.as_input(normed, "c_attn")
        casts["c_attn"] = step.weight("c_attn", 3 * d * d, 3 * d)
        attention, mixed = self.attend()
        casts["c_proj"] = step.weight("c_proj", d * d, d)
        back = hold("c_proj", "output", n, products)
        middle = hold("add", "residual stream", n, step.formats.weights)
        drop(back)

        second, normed = self.norm(middle)
        into_fc = step.as_input(normed, "fc")
        casts["fc"] = step.weight("fc", 4 * d * d, 4 * d)
        before = hold("gelu", "input", 4 * n, products)
        into_proj = hold("proj", "input", 4 * n, products)
        casts["proj"] = step.weight("proj", 4 * d * d, d)
        back = hold("proj", "output", n, products)
        out = hold("add", "residual stream", n, step.formats.weights)
        drop(back)
        kept = BlockKept((first, second), attention, mixed, (taken, into_fc, into_proj), before, casts)
        return kept, out

    def attend(self) -> tuple[list[Held], Held]:
        """Attention's forward pass: what it keeps besides its output, and that."""
        step, n = self.step, self.stream
        hold, products = step.hold, step.formats.products
        kept = [hold("attention", "q, k, v", 3 * n, products)]
        rows = self.batch * self.size.heads * self.context
        if self.explicit:
            scores = hold("attention", "scores", rows * self.context, products)
            scaled = hold("attention", "scaled scores", rows * self.context, products)
            step.timeline.drop(scores)
            kept.append(hold("attention", "mask", self.context**2, "bool"))
            masked = hold("attention", "masked scores", rows * self.context, products)
            step.timeline.drop(scaled)
            kept.append(hold("softmax", "output", rows * self.context, step.formats.norms))
            if step.formats.cast:
                kept.append(hold("attention", "weights, cast", rows * self.context, products))
            step.timeline.drop(masked)
        else:
            kept.append(hold("attention", "logsumexp", rows, "float32"))
        return kept, hold("attention", "output", n, products)

    def block_back(self, kept: BlockKept, g: Held) -> Held:
        """One block's backward pass, from the gradient of its output to that of its input."""
        step, n, d = self.step, self.stream, self.size.width
        products, drop = step.formats.products, step.timeline.drop

        there = step.passing("proj", n, products) if step.formats.cast else None
        wide = step.passing("proj", 4 * n, products, there)
        step.gradient("proj", 4 * d * d + d)
        drop(kept.inputs[2], *kept.casts["proj"])
        wide = step.passing("gelu", 4 * n, products, wide)
        drop(kept.before_gelu)
        back = step.passing("fc", n, products, wide)
        step.gradient("fc", 4 * d * d + 4 * d)
        drop(kept.inputs[1], *kept.casts["fc"])
        g = self.norm_back(kept.norms[1], back, g)

        there = step.passing("c_proj", n, products) if step.formats.cast else None
        back = step.passing("c_proj", n, products, there)
        step.gradient("c_proj", d * d + d)
        drop(*kept.casts["c_proj"])
        wide = self.attend_back(kept, back)
        back = step.passing("c_attn", n, products, wide)
        step.gradient("c_attn", 3 * d * d + 3 * d)
        drop(kept.inputs[0], *kept.casts["c_attn"])
        return self.norm_back(kept.norms[0], back, g)

    def attend_back(self, kept: BlockKept, back: Held) -> Held:
        """Attention's backward pass, to the gradient of q, k and v side by side."""
        step = self.step
        if self.explicit:
            square = self.batch * self.size.heads * self.context**2
            g = step.passing("attention", square, step.formats.products)
            if step.formats.cast:
                g = step.passing("softmax", square, step.formats.norms, g)
            g = step.passing("softmax", square, step.formats.norms, g)
            if step.formats.cast:
                g = step.passing("softmax", square, step.formats.products, g)
            parts = step.passing("attention", 3 * self.stream, step.formats.products, g)
        else:
            parts = step.passing("attention", 3 * self.stream, step.formats.products)
        step.timeline.drop(back, kept.mixed, *kept.attention)
        return step.passing("attention", 3 * self.stream, step.formats.products, parts)

    def norm_back(self, norm: Norm, back: Held, g: Held) -> Held:
        """A layer_norm's backward pass; what comes out is added to the gradient `g` of the residual stream."""
        step = self.step
        if step.formats.cast:
            back = step.passing("layer_norm", self.stream, step.formats.norms, back)
        through = step.passing("layer_norm", self.stream, step.formats.weights)
        step.hold("layer_norm", "gradient", 2 * self.size.width, step.formats.weights, "gradients")
        step.timeline.drop(back, norm.input, *norm.statistics)
        both = step.passing("add", self.stream, step.formats.weights, through)
        step.timeline.drop(g)
        return both


def gpt_step(
    timeline: Timeline, size: GPT, recipe: TorchRecipe, batch: int, context: int, *, checkpointing: bool, explicit: bool
) -> None:
    """Forward and backward pass of a GPT."""
    step = Step(timeline, Formats.of(recipe))
    net = Gpt(step, size, batch, context, explicit)
    hold, drop, formats = step.hold, timeline.drop, step.formats
    timeline.hold("inputs", "data", "tokens and targets", "int64", 2 * batch * context)
    timeline.rest = timeline.now

    timeline.begin("forward pass")
    tokens = hold("embedding", "tokens", net.stream, formats.weights)
    places = hold("embedding", "positions", context * size.width, formats.weights)
    x = hold("add", "residual stream", net.stream, formats.weights)
    drop(tokens, places)
    blocks: list[BlockKept | Held] = []
    casts: list[Held] = []  # autocast keeps them until its region ends, whoever needs them or not
    for _ in range(size.layers):
        kept, out = net.block(x)
        if checkpointing:
            casts += [each for made in kept.casts.values() for each in made]
            blocks.append(x)
            _let_go(timeline, kept, x)
        else:
            casts += [made[1] for made in kept.casts.values() if made]  # the biases; weights are saved
            blocks.append(kept)
        x = out
    last, normed = net.norm(x)
    taken = step.as_input(normed, "head")
    head = step.weight("head", size.vocabulary * size.width)
    loss = _cross_entropy(step, batch * context * size.vocabulary)
    drop(*casts)
    timeline.forward_is_done()

    timeline.begin("backward pass")
    g = _cross_entropy_back(step, loss)
    back = step.passing("head", net.stream, formats.products)
    tied = step.gradient("head", size.vocabulary * size.width)
    drop(g, taken, *head)
    none = step.passing("layer_norm", 0, formats.weights)
    g = net.norm_back(last, back, none)
    for block in reversed(blocks):
        if isinstance(block, Held):
            kept, out = net.block(block)
            drop(out, *(made[1] for made in kept.casts.values() if made))
        else:
            kept = block
        g = net.block_back(kept, g)
    hold("embedding", "gradient", size.positions * size.width, formats.weights, "gradients")
    dense = hold("embedding", "gradient", tied.values, formats.weights, "temporaries")
    drop(dense, g)


def _let_go(timeline: Timeline, kept: BlockKept, x: Held) -> None:
    """A checkpointed block's activations, dropped; its input stays."""
    for norm in kept.norms:
        timeline.drop(*norm.statistics)
        if norm.input is not x:
            timeline.drop(norm.input)
    timeline.drop(*kept.attention, kept.mixed, *kept.inputs, kept.before_gelu)


@dataclass
class LossKept:
    """What cross_entropy keeps: log_softmax's output, and under autocast the float32 copy that nll_loss takes."""

    log_softmax: Held
    nll_loss: Held


def _cross_entropy(step: Step, values: int) -> LossKept:
    """cross_entropy's forward pass.

    torch calls log_softmax with the logits' own format named, and a format that is named is not autocast's to change:
    its output has 16 bits, and nll_loss, which autocast runs in float32, is given a copy. Both are kept.
    """
    fmt, item = step.formats.products, "logits and loss"
    logits = step.hold("head", "logits", values, fmt, item)
    narrow = wide = step.hold("log_softmax", "output", values, fmt, item)
    if step.formats.cast:
        wide = step.hold("nll_loss", "input", values, step.formats.norms, item)
    step.timeline.drop(logits)
    return LossKept(narrow, wide)


def _cross_entropy_back(step: Step, kept: LossKept) -> Held:
    """cross_entropy's backward pass, to the gradient of the logits."""
    item, values = "logits and loss", kept.log_softmax.values
    g = step.hold("nll_loss", "gradient", values, kept.nll_loss.fmt, item)
    if step.formats.cast:
        step.timeline.drop(kept.nll_loss)
        narrow = step.hold("nll_loss", "gradient, cast", values, step.formats.products, item)
        step.timeline.drop(g)
        g = narrow
    out = step.hold("log_softmax", "gradient", values, step.formats.products, item)
    step.timeline.drop(g, kept.log_softmax)
    return out
