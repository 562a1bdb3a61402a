"""GPT-2 in plain torch modules: what the measurements of memory and speed run.

Tied embeddings, learned positions, GELU in its tanh form, no dropout; the loss is computed inside, so that nobody
outside keeps the logits alive.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from simfp.experiments.memory.model_sizes import GPT

__all__ = ["Model"]


class Block(nn.Module):  # type: ignore[misc]
    """Attention and a perceptron, each behind a layer_norm and beside the residual stream."""

    def __init__(self, size: GPT, explicit: bool) -> None:
        super().__init__()
        self.heads, self.explicit = size.heads, explicit
        self.ln_1 = nn.LayerNorm(size.width)
        self.c_attn = nn.Linear(size.width, 3 * size.width)
        self.c_proj = nn.Linear(size.width, size.width)
        self.ln_2 = nn.LayerNorm(size.width)
        self.fc = nn.Linear(size.width, 4 * size.width)
        self.gelu = nn.GELU(approximate="tanh")
        self.proj = nn.Linear(4 * size.width, size.width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (batch, context, width), and so is what comes back."""
        x = x + self.c_proj(self.attend(self.c_attn(self.ln_1(x))))
        return x + self.proj(self.gelu(self.fc(self.ln_2(x))))

    def attend(self, qkv: torch.Tensor) -> torch.Tensor:
        """Causal attention by one fused kernel, or step by step with its (context, context) matrices."""
        batch, context, triple = qkv.shape
        q, k, v = qkv.view(batch, context, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        if self.explicit:
            scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
            later = torch.ones(context, context, dtype=torch.bool, device=q.device).triu(1)
            y = F.softmax(scores.masked_fill(later, -math.inf), dim=-1) @ v
        else:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return y.transpose(1, 2).reshape(batch, context, triple // 3)


class Model(nn.Module):  # type: ignore[misc]
    """GPT-2 of a size; called with tokens and targets (batch, context), it gives the mean cross entropy."""

    def __init__(self, size: GPT, *, checkpointing: bool = False, explicit: bool = False) -> None:
        super().__init__()
        self.checkpointing = checkpointing
        self.wte = nn.Embedding(size.vocabulary, size.width)
        self.wpe = nn.Embedding(size.positions, size.width)
        self.blocks = nn.ModuleList(Block(size, explicit) for _ in range(size.layers))
        self.ln_f = nn.LayerNorm(size.width)
        self.head = nn.Linear(size.width, size.vocabulary, bias=False)
        self.head.weight = self.wte.weight
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=0.02)

    def forward(self, tokens: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The mean loss."""
        x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1], device=tokens.device))
        for block in self.blocks:
            x = checkpoint(block, x, use_reentrant=False) if self.checkpointing else block(x)
        return F.cross_entropy(self.head(self.ln_f(x)).flatten(0, 1), targets.flatten())
