"""An exponential moving average of the weights, kept by hand."""

import copy

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(11)


class EMA:
    def __init__(self, model, decay):
        self.decay = decay
        self.shadow = copy.deepcopy(model).eval()
        for p in self.shadow.parameters():
            p.requires_grad_(False)

    @torch.no_grad()
    def update(self, model):
        for ema_p, p in zip(self.shadow.parameters(), model.parameters()):
            ema_p.mul_(self.decay).add_(p, alpha=1 - self.decay)
        for ema_b, b in zip(self.shadow.buffers(), model.buffers()):
            ema_b.copy_(b)


x = torch.randn(256, 10)
y = torch.sin(x.sum(dim=1, keepdim=True)) + 0.05 * torch.randn(256, 1)
model = nn.Sequential(nn.Linear(10, 64, bias=False), nn.BatchNorm1d(64), nn.SiLU(), nn.Linear(64, 1))
ema = EMA(model, decay=0.9)
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)

losses, ema_losses = [], []
for step in range(40):
    batch = torch.randint(0, len(x), (64,))
    loss = F.mse_loss(model(x[batch]), y[batch])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    ema.update(model)
    losses.append(loss.item())
    if (step + 1) % 10 == 0:
        with torch.no_grad():
            ema_losses.append(F.mse_loss(ema.shadow(x), y).item())
        print(f"step {step + 1}: loss {losses[-1]:.4f}, averaged weights {ema_losses[-1]:.4f}")

# The same, with in-place operators and a running mean of the loss.
average = {name: p.detach().clone() for name, p in model.named_parameters()}
with torch.no_grad():
    for name, p in model.named_parameters():
        average[name] *= 0.5
        average[name] += 0.5 * p
        p.copy_(average[name].lerp(p, 0.25))
    losses.append(F.mse_loss(model(x), y).item())
