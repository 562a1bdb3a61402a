"""Large batches in small pieces: gradients accumulated over several backward passes."""

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(0)
inputs = torch.randn(512, 20)
weights = torch.linspace(-1, 1, 20).unsqueeze(1)
targets = inputs @ weights + 0.1 * torch.randn(512, 1)
dataset = TensorDataset(inputs, targets)
train_set, val_set = random_split(dataset, [448, 64], generator=torch.Generator().manual_seed(42))
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
val_loader = DataLoader(val_set, batch_size=64, shuffle=False)

model = nn.Sequential(nn.Linear(20, 32), nn.Tanh(), nn.Linear(32, 1))
criterion = nn.MSELoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.005)

accumulation_steps = 4
losses, val_losses = [], []
for epoch in range(3):
    model.train()
    running_loss = 0.0
    optimizer.zero_grad()
    for i, (x, y) in enumerate(train_loader):
        loss = criterion(model(x), y)
        losses.append(loss.item())
        loss = loss / accumulation_steps
        loss.backward()
        running_loss += loss.item()
        if (i + 1) % accumulation_steps == 0 or (i + 1) == len(train_loader):
            optimizer.step()
            optimizer.zero_grad()
    model.eval()
    with torch.no_grad():
        val_losses.append(sum(criterion(model(x), y).item() for x, y in val_loader) / len(val_loader))
    print(f"epoch {epoch + 1}: train {running_loss:.4f} val {val_losses[-1]:.4f}")
