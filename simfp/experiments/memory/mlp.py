"""One training step of an MLP with the mean squared error, told tensor by tensor."""

from __future__ import annotations

from itertools import pairwise

from simfp.experiments.memory.model_sizes import MLP, TorchRecipe
from simfp.experiments.memory.operations import Formats, Step
from simfp.experiments.memory.timeline import Held, Timeline

__all__ = ["mlp_step"]


def mlp_step(timeline: Timeline, size: MLP, recipe: TorchRecipe, rows: int) -> None:
    """Forward and backward pass of an MLP with the mean squared error."""
    step = Step(timeline, Formats.of(recipe))
    hold, drop, formats = step.hold, timeline.drop, step.formats
    widths = size.widths
    x = timeline.hold("inputs", "data", "inputs", formats.weights, rows * widths[0])
    timeline.hold("inputs", "data", "targets", formats.weights, rows * widths[-1])
    timeline.rest = timeline.now

    timeline.begin("forward pass")
    if formats.cast:
        x = hold("linear", "input", x.values, formats.products)
    taken: list[Held] = []
    casts: list[list[Held]] = []
    for fan_in, fan_out in pairwise(widths):
        taken.append(x)
        casts.append(step.weight("linear", fan_in * fan_out, fan_out))
        made = hold("linear", "output", rows * fan_out, formats.products)
        if len(taken) == len(widths) - 1:
            break
        x = hold("relu", "output", rows * fan_out, formats.products)
        drop(made)
    output = made
    if formats.cast:
        output = hold("mse_loss", "input", made.values, formats.norms, "logits and loss")
    # torch makes the loss with room for all of its terms, and shrinks it to a scalar: the room stays as long as it does
    loss = hold("mse_loss", "loss", made.values, formats.norms, "logits and loss")
    drop(hold("mse_loss", "terms", made.values, formats.norms, "logits and loss"))
    if formats.cast:
        drop(made, casts[0][0], *(each[1] for each in casts))  # nothing wants the gradient of the inputs
    if recipe.scaler:
        drop(loss)  # the scaled loss is another tensor
    timeline.forward_is_done()

    timeline.begin("backward pass")
    g = hold("mse_loss", "gradient", output.values, formats.norms, "logits and loss")
    drop(output)
    if formats.cast:
        g = step.passing("linear", g.values, formats.products, g)
    for place in reversed(range(len(taken))):
        fan_in, fan_out = widths[place : place + 2]
        back = step.passing("linear", rows * fan_in, formats.products) if place else None
        step.gradient("linear", fan_in * fan_out + fan_out)
        drop(g, *casts[place])
        if back:
            g = step.passing("relu", back.values, formats.products, back)
        if taken[place].item != "inputs":
            drop(taken[place])
    drop(loss)
