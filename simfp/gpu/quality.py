"""What mixed precision costs: small language models trained under four recipes, several seeds each.

All seeds of a recipe run side by side: every weight has a leading axis of seeds, and a linear layer is a batched
product. Nothing is added up across seeds but the loss, so each model learns as it would alone, in the products and
formats of its recipe; only the GradScaler is shared: an overflow in one model skips the step of all.
"""

from __future__ import annotations

import hashlib
import math
import time
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from simfp.experiments.memory.model_sizes import GPT, TorchRecipe, as_recipe
from simfp.experiments.training.text import corpus
from simfp.gpu.measure import recipe_context

__all__ = ["quality"]

SIZE = GPT("character GPT", layers=4, heads=4, width=128, vocabulary=0x7F - 0x20 + 1, positions=128)
RECIPES = ("fp32", "tf32", "fp16", "bf16")
NUDGED = "fp32 nudged"  # fp32 again, every weight 2^-20 larger at the start: what chance alone does to a run
NUDGE = 1 + 2.0**-20
SEEDS, BATCH, MOST_STEPS = 8, 32, 6000
CHARACTERS, HELD_OUT = 2_000_000, 131_072
RATE, WARM_UP, DECAY = 2e-3, 100, 0.1
POINTS = 20  # of a curve
TRIED = 200  # steps, evaluations included, to find out how long one takes


class Seeds(nn.Module):  # type: ignore[misc]
    """Character models of one size, a seed each; weights are (seed, ...)."""

    def __init__(self, size: GPT, seeds: int) -> None:
        super().__init__()
        self.size = size
        wide = size.width
        std = 0.02

        def drawn(*shape: int, std: float = std) -> nn.Parameter:
            made = []
            for seed in range(seeds):  # each from a stream of its own, the same under every recipe
                stream = torch.Generator().manual_seed(1000 * seed + len(self.drawn))
                made.append(torch.randn(*shape, generator=stream) * std)
            parameter = nn.Parameter(torch.stack(made))
            self.drawn.append(parameter)
            return parameter

        self.drawn = nn.ParameterList()
        self.wte, self.wpe = drawn(size.vocabulary, wide), drawn(size.positions, wide)
        small = std / math.sqrt(2 * size.layers)
        self.blocks = nn.ModuleList()
        for _ in range(size.layers):
            block = nn.Module()
            block.qkv, block.out = drawn(wide, 3 * wide), drawn(wide, wide, std=small)
            block.up, block.down = drawn(wide, 4 * wide), drawn(4 * wide, wide, std=small)
            block.qkv_bias, block.out_bias = (nn.Parameter(torch.zeros(seeds, 1, n)) for n in (3 * wide, wide))
            block.up_bias, block.down_bias = (nn.Parameter(torch.zeros(seeds, 1, n)) for n in (4 * wide, wide))
            block.gains = nn.ParameterList(nn.Parameter(torch.ones(seeds, 1, wide)) for _ in range(2))
            self.blocks.append(block)
        self.gain = nn.Parameter(torch.ones(seeds, 1, wide))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Logits (seed, batch * context, vocabulary) of tokens (seed, batch, context)."""
        seeds, batch, context = tokens.shape
        wide, heads = self.size.width, self.size.heads
        lanes = torch.arange(seeds, device=tokens.device)[:, None, None]
        x = (self.wte[lanes, tokens] + self.wpe[:, None, :context]).reshape(seeds, batch * context, wide)
        for block in self.blocks:
            h = torch.baddbmm(block.qkv_bias, F.layer_norm(x, (wide,)) * block.gains[0], block.qkv)
            q, k, v = h.view(seeds * batch, context, 3, heads, -1).permute(2, 0, 3, 1, 4)
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(x.shape)
            x = x + torch.baddbmm(block.out_bias, y, block.out)
            h = F.gelu(torch.baddbmm(block.up_bias, F.layer_norm(x, (wide,)) * block.gains[1], block.up))
            x = x + torch.baddbmm(block.down_bias, h, block.down)
        return (F.layer_norm(x, (wide,)) * self.gain) @ self.wte.transpose(1, 2)


def quality(
    device: str,
    *,
    seconds: float = 120.0,
    steps: int | None = None,
    seeds: int = SEEDS,
    size: GPT = SIZE,
    batch: int = BATCH,
    characters: int = CHARACTERS,
    held_out: int = HELD_OUT,
) -> dict[str, Any]:
    """A recording of all runs: of so many steps, or of as many as fit into `seconds`, found out before."""
    text = corpus(characters)
    data = torch.tensor(list(text.encode("ascii")), dtype=torch.uint8).to(device)
    data = torch.where(data == 10, 0x7F, data).long() - 0x20  # the newline takes the place of a code that is not used
    train, held = data[:-held_out], data[-held_out:]
    context = size.positions
    draws = [torch.Generator().manual_seed(seed) for seed in range(seeds)]
    shape = (MOST_STEPS, batch)
    starts = torch.stack([torch.randint(len(train) - context, shape, generator=draw) for draw in draws], 1)
    if steps is None:
        tried = _runs(as_recipe("fp16"), device, train, held, starts[:TRIED], size, points=1)["seconds"] / TRIED
        tried = _runs(as_recipe("fp16"), device, train, held, starts[:TRIED], size, points=1)["seconds"] / TRIED
        steps = min(MOST_STEPS, max(1, int(seconds / (len(RECIPES) + 1) / tried) // 100) * 100)
        print(f"{1000 * tried:.1f} ms a step: {steps} steps", flush=True)
    runs = []
    for name in (*RECIPES, NUDGED):
        recipe = as_recipe("fp32" if name == NUDGED else name)
        nudge = NUDGE if name == NUDGED else 1.0
        runs.append({"run": name} | _runs(recipe, device, train, held, starts[:steps], size, nudge=nudge))
        print(runs[-1], flush=True)
    return {
        "what": "validation losses (nats a character) of small language models, several seeds under each recipe",
        "model": {
            "layers": size.layers,
            "heads": size.heads,
            "width": size.width,
            "context": context,
            "parameters": sum(p[0].numel() for p in Seeds(size, 1).parameters()),
        },
        "text": {
            "characters": characters,
            "held_out": held_out,
            "made_by": "simfp.experiments.training.text.corpus",
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
        },
        "training": {
            "steps": steps,
            "batch": batch,
            "optimizer": "AdamW",
            "learning_rate": RATE,
            "weight_decay": DECAY,
            "schedule": f"{WARM_UP} steps up, cosine down to 0",
            "gradient_norm": "none",
            "seeds": seeds,
        },
        "runs": runs,
    }


def _runs(
    recipe: TorchRecipe,
    device: str,
    train: torch.Tensor,
    held: torch.Tensor,
    starts: torch.Tensor,
    size: GPT,
    points: int = POINTS,
    nudge: float = 1.0,
) -> dict[str, Any]:
    """All seeds of one recipe."""
    steps, seeds = starts.shape[:2]
    model = Seeds(size, seeds).to(device)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter *= nudge
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.95), weight_decay=DECAY)
    scaler = torch.amp.GradScaler(torch.device(device).type, enabled=recipe.scaler)
    offsets = torch.arange(size.positions + 1, device=device)
    starts = starts.to(device)
    curve: list[dict[str, Any]] = []
    skipped, scale, began = 0, scaler.get_scale(), time.perf_counter()
    every = max(1, steps // points)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min((step + 1) / WARM_UP, 0.5 * (1 + math.cos(math.pi * step / steps)))
        taken = train[starts[step][..., None] + offsets]
        optimizer.zero_grad(set_to_none=True)
        with recipe_context(recipe, device):
            losses = _losses(model, taken)
        scaler.scale(losses.sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        before, scale = scale, scaler.get_scale()
        skipped += scale < before
        if (step + 1) % every == 0:
            found = evaluate(model, held, recipe, device)
            curve.append({"step": step + 1, "validation": found["losses"]})
    plain = evaluate(model, held, as_recipe("fp32"), device)
    own = evaluate(model, held, recipe, device)
    return {
        "recipe": recipe.name,
        "steps": steps,
        "seconds": round(time.perf_counter() - began, 2),
        "skipped": skipped,
        "final_scale": scaler.get_scale() if recipe.scaler else None,
        "curve": curve,
        "validation": own["losses"],
        "accuracy": own["accuracy"],
        "validation_in_fp32": plain["losses"],
        "accuracy_in_fp32": plain["accuracy"],
    }


def _losses(model: nn.Module, taken: torch.Tensor) -> torch.Tensor:
    """The mean loss of each seed, of text (seed, batch, context + 1)."""
    logits = model(taken[..., :-1])
    each = F.cross_entropy(logits.flatten(0, 1), taken[..., 1:].flatten(), reduction="none")
    return each.view(len(taken), -1).mean(1)


@torch.no_grad()  # type: ignore[untyped-decorator]
def evaluate(model: Seeds, held: torch.Tensor, recipe: TorchRecipe, device: str) -> dict[str, list[float]]:
    """Each seed's mean loss and share of characters that it finds likeliest, over the whole held-out text."""
    context = model.size.positions
    seeds = len(model.wte)
    count = (len(held) - 1) // context
    inputs = held[: count * context].view(count, context)
    targets = held[1 : count * context + 1].view(count, context)
    total, right, seen = (torch.zeros(seeds, device=device, dtype=torch.float64) for _ in range(3))
    for x, y in zip(inputs.split(256), targets.split(256)):
        with recipe_context(recipe, device):
            logits = model(x.expand(seeds, *x.shape))
        wanted = y.flatten().expand(seeds, -1)
        each = F.cross_entropy(logits.float().flatten(0, 1), wanted.flatten(), reduction="none").view(seeds, -1)
        total += each.double().sum(1)
        right += (logits.argmax(-1) == wanted).double().sum(1)
        seen += wanted.shape[1]
    return {
        "losses": [round(x, 7) for x in (total / seen).tolist()],
        "accuracy": [round(x, 7) for x in (right / seen).tolist()],
    }
