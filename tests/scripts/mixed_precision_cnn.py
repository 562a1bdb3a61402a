"""A convolutional network in mixed precision, with batch normalization."""

import numpy as np
import torch
import torch.nn as nn
from torch.amp import GradScaler, autocast
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(4)
device = "cuda" if torch.cuda.is_available() else "cpu"

digits = np.load("digits.npz")
images = torch.from_numpy(digits["images"]).float().unsqueeze(1) / 16
labels = torch.from_numpy(digits["labels"]).to(torch.int64)
train_loader = DataLoader(TensorDataset(images, labels), batch_size=64, shuffle=True, drop_last=True)

model = nn.Sequential(
    nn.Conv2d(1, 16, kernel_size=3, padding=1, bias=False),
    nn.BatchNorm2d(16),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(16, 32, kernel_size=3, padding=1, bias=False),
    nn.BatchNorm2d(32),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(32 * 2 * 2, 16),
).to(device)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
scaler = GradScaler(device)

losses, scales = [], []
for images, labels in train_loader:
    images, labels = images.to(device), labels.to(device)
    optimizer.zero_grad()
    with autocast(device, dtype=torch.float16):
        loss = loss_fn(model(images), labels)
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    losses.append(loss.item())
    scales.append(scaler.get_scale())
print(f"loss {losses[-1]:.4f}, scale {scales[-1]:.0f}")
