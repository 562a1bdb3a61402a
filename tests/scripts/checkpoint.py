"""Training that is interrupted, and goes on from its checkpoint as if nothing had been."""

import os

import torch
from torch import nn

CHECKPOINT = "checkpoint.pt"


def build():
    model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 4))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.95)
    return model, optimizer, scheduler


def save(path, epoch, model, optimizer, scheduler):
    torch.save(
        {
            "epoch": epoch,
            "model_state_dict": model.state_dict(),
            "optimizer_state_dict": optimizer.state_dict(),
            "scheduler_state_dict": scheduler.state_dict(),
            "rng_state": torch.get_rng_state(),
        },
        path,
    )


def train(model, optimizer, scheduler, first, last):
    history = []
    for epoch in range(first, last):
        for batch in x.split(32):
            target = batch[:, :4].abs().argmax(dim=1)
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(batch), target)
            loss.backward()
            optimizer.step()
            history.append(loss.item())
        scheduler.step()
        if epoch == 1:
            save(CHECKPOINT, epoch, model, optimizer, scheduler)
    return history


torch.manual_seed(7)
x = torch.randn(128, 16)
model, optimizer, scheduler = build()
losses = train(model, optimizer, scheduler, 0, 4)

# Another process, later: everything is built anew and brought to where it was.
assert os.path.exists(CHECKPOINT)
model, optimizer, scheduler = build()
checkpoint = torch.load(CHECKPOINT, map_location="cpu", weights_only=True)
model.load_state_dict(checkpoint["model_state_dict"])
optimizer.load_state_dict(checkpoint["optimizer_state_dict"])
scheduler.load_state_dict(checkpoint["scheduler_state_dict"])
torch.set_rng_state(checkpoint["rng_state"])
resumed_losses = train(model, optimizer, scheduler, checkpoint["epoch"] + 1, 4)
assert resumed_losses == losses[8:], "the resumed run is another one"
print(f"resumed after epoch {checkpoint['epoch']}: {resumed_losses[-1]:.4f}")
