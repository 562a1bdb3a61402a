"""A validation loop that lowers the learning rate where the loss no longer falls."""

import torch
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(21)
t = torch.arange(0, 600, dtype=torch.float32) * 0.1
series = torch.sin(t) + 0.1 * torch.randn(600)
windows = torch.stack([series[i : i + 24] for i in range(600 - 24)])
x, y = windows[:, :-1].unsqueeze(1), windows[:, -1:]
train_loader = DataLoader(TensorDataset(x[:448], y[:448]), batch_size=64, shuffle=True)
val_loader = DataLoader(TensorDataset(x[448:], y[448:]), batch_size=64)

model = nn.Sequential(
    nn.Conv1d(1, 8, kernel_size=5, padding=2),
    nn.ReLU(),
    nn.Conv1d(8, 8, kernel_size=3, stride=2),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(88, 1),
)
criterion = nn.HuberLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
scheduler = ReduceLROnPlateau(optimizer, mode="min", factor=0.5, patience=0, threshold=0.4)


def run_epoch(loader, train):
    model.train(train)
    total, count = 0.0, 0
    with torch.set_grad_enabled(train):
        for xb, yb in loader:
            loss = criterion(model(xb), yb)
            if train:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
            total += loss.item() * len(xb)
            count += len(xb)
    return total / count


losses, val_losses, lrs = [], [], []
for epoch in range(5):
    run_epoch(train_loader, train=True)
    val_losses.append(run_epoch(val_loader, train=False))
    scheduler.step(val_losses[-1])
    lrs.append(optimizer.param_groups[0]["lr"])
    print(f"epoch {epoch}: val {val_losses[-1]:.4f}, lr {lrs[-1]:.4g}")
