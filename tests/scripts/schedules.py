"""Warmup and decay: OneCycleLR, and a linear warmup before a cosine."""

import torch
import torch.nn as nn
from torch.optim import SGD, AdamW
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, OneCycleLR, SequentialLR

torch.manual_seed(9)
X = torch.randn(320, 12)
Y = (X[:, 0] * X[:, 1] > 0).float()
losses, lrs, momenta = [], [], []


def fit(optimizer, scheduler, model, steps):
    criterion = nn.BCEWithLogitsLoss()
    for step in range(steps):
        idx = torch.randint(0, X.size(0), (32,))
        optimizer.zero_grad()
        loss = criterion(model(X[idx]).squeeze(1), Y[idx])
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
        lrs.append(scheduler.get_last_lr()[0])


def mlp():
    return nn.Sequential(nn.Linear(12, 32), nn.ELU(), nn.Linear(32, 1))


model = mlp()
optimizer = SGD(model.parameters(), lr=0.01, momentum=0.9)
scheduler = OneCycleLR(optimizer, max_lr=0.2, steps_per_epoch=10, epochs=3, pct_start=0.3)
fit(optimizer, scheduler, model, 30)
momenta.append(optimizer.param_groups[0]["momentum"])

model = mlp()
optimizer = AdamW(model.parameters(), lr=0.01)
warmup = LinearLR(optimizer, start_factor=0.1, total_iters=5)
cosine = CosineAnnealingLR(optimizer, T_max=25, eta_min=1e-5)
scheduler = SequentialLR(optimizer, schedulers=[warmup, cosine], milestones=[5])
fit(optimizer, scheduler, model, 30)
print(f"last rates: {lrs[29]:.2e}, {lrs[-1]:.2e}")
