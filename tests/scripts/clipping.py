"""A GRU that sums what it reads; its gradients clipped by norm and, for comparison, by value."""

import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

torch.manual_seed(2)


class Adder(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.gru = nn.GRU(input_size=2, hidden_size=hidden, batch_first=True)
        self.head = nn.Linear(hidden, 1)

    def forward(self, x):
        _, h_n = self.gru(x)
        return self.head(h_n[-1]).squeeze(-1)


def make_batch(batch_size=32, length=12):
    numbers = torch.rand(batch_size, length, 1)
    marks = torch.zeros(batch_size, length, 1)
    marks[:, 2] = 1.0
    marks[:, -3] = 1.0
    return torch.cat([numbers, marks], dim=-1), (numbers * marks).sum(dim=(1, 2))


model = Adder()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
losses, norms, largest = [], [], []
for step in range(30):
    x, y = make_batch()
    loss = nn.functional.smooth_l1_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    if step < 20:
        norms.append(float(clip_grad_norm_(model.parameters(), max_norm=0.1)))
    else:
        clip_grad_value_(model.parameters(), clip_value=0.01)
        largest.append(max(p.grad.abs().max().item() for p in model.parameters()))
    optimizer.step()
    losses.append(loss.item())
    if not torch.isfinite(loss):
        raise RuntimeError("diverged")
print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f}; clipped {sum(n > 0.1 for n in norms)} times of {len(norms)}")
