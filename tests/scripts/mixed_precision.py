"""Handwritten digits in mixed precision, as the tutorials of today spell it."""

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
device = "cuda" if torch.cuda.is_available() else "cpu"

digits = np.load("digits.npz")
images = torch.from_numpy(digits["images"].astype(np.float32) / 16).reshape(-1, 64)
labels = torch.from_numpy(digits["labels"]).long()
loader = DataLoader(TensorDataset(images, labels), batch_size=128, shuffle=True, drop_last=True)

model = nn.Sequential(
    nn.Linear(64, 128),
    nn.ReLU(),
    nn.Linear(128, 128),
    nn.ReLU(),
    nn.Linear(128, 16),
).to(device)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
scaler = torch.amp.GradScaler(device, init_scale=2.0**22, growth_interval=6)

losses, scales = [], []
for epoch in range(2):
    model.train()
    for inputs, targets in loader:
        inputs, targets = inputs.to(device, non_blocking=True), targets.to(device, non_blocking=True)
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device_type=device, dtype=torch.float16):
            outputs = model(inputs)
            loss = criterion(outputs, targets)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.item())
        scales.append(scaler.get_scale())
    print(f"epoch {epoch}: loss {losses[-1]:.4f}, scale {scales[-1]:.0f}")
