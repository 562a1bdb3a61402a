"""Handwritten digits in mixed precision, as scripts spelled it before torch.amp, with gradients accumulated."""

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from torch.cuda.amp import GradScaler, autocast
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
accumulation_steps = 4

digits = np.load("digits.npz")
x = torch.tensor(digits["images"].reshape(-1, 64) / 16.0, dtype=torch.float32)
y = torch.tensor(digits["labels"], dtype=torch.long)
loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True, drop_last=True, num_workers=0, pin_memory=False)


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.fc1 = nn.Linear(64, 256)
        self.fc2 = nn.Linear(256, 128)
        self.fc3 = nn.Linear(128, 16)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        x = self.relu(self.fc1(x))
        x = self.relu(self.fc2(x))
        return self.fc3(x)


model = Net().to(device)
criterion = nn.CrossEntropyLoss().to(device)
optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
scaler = GradScaler(init_scale=2.0**24, growth_interval=3)

losses, scales = [], []
for epoch in range(1):
    optimizer.zero_grad()
    for i, (data, target) in enumerate(loader):
        data, target = data.to(device), target.to(device)
        with autocast():
            output = model(data)
            loss = criterion(output, target) / accumulation_steps
        scaler.scale(loss).backward()
        losses.append(loss.item() * accumulation_steps)
        if (i + 1) % accumulation_steps == 0:
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
            scales.append(scaler.get_scale())
    print("epoch %d: loss %.4f, scale %g" % (epoch, losses[-1], scaler.get_scale()))
