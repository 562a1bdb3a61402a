"""Early stopping: the best weights are kept, and training ends when nothing gets better."""

import copy

import numpy as np
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, Subset, TensorDataset

torch.manual_seed(3)
with np.load("digits.npz") as digits:
    x = torch.from_numpy(digits["images"].reshape(-1, 64).astype("float32")) / 16.0
    y = torch.from_numpy(digits["labels"].astype("int64"))
dataset = TensorDataset(x, y)
indices = torch.randperm(len(dataset)).tolist()
train_loader = DataLoader(Subset(dataset, indices[:320]), batch_size=32, shuffle=True)
val_loader = DataLoader(Subset(dataset, indices[320:640]), batch_size=64)


class EarlyStopping:
    def __init__(self, patience=2, min_delta=0.0):
        self.patience, self.min_delta = patience, min_delta
        self.counter, self.best_loss, self.best_state = 0, float("inf"), None

    def __call__(self, val_loss, model):
        if val_loss < self.best_loss - self.min_delta:
            self.best_loss, self.counter = val_loss, 0
            self.best_state = copy.deepcopy(model.state_dict())
        else:
            self.counter += 1
        return self.counter >= self.patience


model = nn.Sequential(nn.Linear(64, 48), nn.LeakyReLU(0.1), nn.Linear(48, 10))
criterion = nn.CrossEntropyLoss(label_smoothing=0.05)
optimizer = optim.SGD(model.parameters(), lr=0.5, weight_decay=1e-3)
stopper = EarlyStopping(min_delta=0.25)
losses, val_losses = [], []
for epoch in range(10):
    model.train()
    for data, target in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(data), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    total, correct = 0.0, 0
    with torch.no_grad():
        for data, target in val_loader:
            output = model(data)
            total += criterion(output, target).item() * data.size(0)
            correct += (output.argmax(dim=1) == target).sum().item()
    val_losses.append(total / 320)
    print(f"epoch {epoch}: val loss {val_losses[-1]:.4f}, accuracy {correct / 320:.2%}")
    if stopper(val_losses[-1], model):
        print("early stopping")
        break
model.load_state_dict(stopper.best_state)
