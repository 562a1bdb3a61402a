"""Mixed precision with clipped gradients, an evaluation and a schedule: the whole loop that larger projects have."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(2)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

digits = np.load("digits.npz")
images = torch.as_tensor(digits["images"].reshape(-1, 64), dtype=torch.float32, device=device).div_(16)
labels = torch.as_tensor(digits["labels"], dtype=torch.int64, device=device)
train_x, train_y, test_x, test_y = images[:1408], labels[:1408], images[1408:1792], labels[1408:1792]


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)

    def forward(self, x):
        return x + self.down(F.gelu(self.up(self.norm(x))))


model = nn.Sequential(nn.Linear(64, 128), Residual(128), Residual(128), nn.Linear(128, 16)).to(device)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=40)
scaler = torch.amp.GradScaler("cuda", init_scale=65536.0, growth_interval=8, enabled=device.type == "cuda")

losses, scales, norms, val_losses = [], [], [], []
for step in range(40):
    batch = torch.randint(0, len(train_x), (64,), device=device)
    with torch.autocast("cuda", dtype=torch.float16, enabled=device.type == "cuda"):
        loss = F.cross_entropy(model(train_x[batch]), train_y[batch])
    optimizer.zero_grad()
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
    scaler.step(optimizer)
    scale_before = scaler.get_scale()
    scaler.update()
    if scaler.get_scale() >= scale_before:  # the step was not skipped
        scheduler.step()
    losses.append(loss.item())
    norms.append(norm.item())
    scales.append(scaler.get_scale())
    if step % 10 == 9:
        model.eval()
        with torch.no_grad(), torch.autocast("cuda", dtype=torch.float16, enabled=device.type == "cuda"):
            val_losses.append(F.cross_entropy(model(test_x), test_y).item())
        model.train()
        print(f"step {step + 1:3d} | loss {losses[-1]:.4f} | norm {norms[-1]:.3f} | val {val_losses[-1]:.4f}")
