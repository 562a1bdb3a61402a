"""Transfer: a trained network's layers frozen, a new head trained, then all of it at two learning rates."""

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim

torch.manual_seed(6)
device = "cuda" if torch.cuda.is_available() else "cpu"
with np.load("digits.npz") as digits:
    images = torch.tensor(digits["images"] / 16.0, dtype=torch.float32).unsqueeze(1)
    labels = torch.tensor(digits["labels"].astype(np.int64))


class Backbone(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten()
        )
        self.fc = nn.Linear(8 * 4 * 4, num_classes)

    def forward(self, x):
        return self.fc(self.features(x))


def step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x.to(device)), y.to(device))
    loss.backward()
    optimizer.step()
    losses.append(loss.item())


losses = []
small = labels < 5
pretrained = Backbone(num_classes=5).to(device)
optimizer = optim.Adam(pretrained.parameters(), lr=0.01)
for x, y in zip(images[small].split(64)[:12], labels[small].split(64)[:12]):
    step(pretrained, optimizer, x, y)
torch.save(pretrained.state_dict(), "pretrained.pth")

model = Backbone(num_classes=5)
missing, unexpected = model.load_state_dict(torch.load("pretrained.pth"), strict=False)
assert not missing and not unexpected
for param in model.parameters():
    param.requires_grad = False
model.fc = nn.Linear(model.fc.in_features, 2)
model = model.to(device)
before = model.features[0].weight.clone()
optimizer = optim.SGD(filter(lambda p: p.requires_grad, model.parameters()), lr=0.05, momentum=0.9)
even = (labels % 2 == 0).long()
model.train()
model.features[1].eval()
for x, y in zip(images.split(64)[:12], even.split(64)[:12]):
    step(model, optimizer, x, y)
assert torch.equal(model.features[0].weight, before)

for name, param in model.named_parameters():
    param.requires_grad_(True)
optimizer = optim.AdamW(
    [{"params": model.features.parameters(), "lr": 1e-3}, {"params": model.fc.parameters()}], lr=1e-2
)
for x, y in zip(images.split(64)[12:20], even.split(64)[12:20]):
    step(model, optimizer, x, y)
assert not torch.equal(model.features[0].weight, before)
print(sum(p.numel() for p in model.parameters() if p.requires_grad), f"parameters, loss {losses[-1]:.4f}")
