"""An autoencoder of images with noise on its inputs, hooks on its gradients and an average of its weights."""

import torch
from torch import nn, optim
from torch.optim.lr_scheduler import ReduceLROnPlateau

torch.manual_seed(1)
X = torch.rand(64, 1, 8, 8)
X = (X > 0.7).float() * 0.8 + X * 0.2


class AE(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(
            nn.Conv2d(1, 4, 3, stride=2, padding=1),
            nn.BatchNorm2d(4),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(4, 8, 3, stride=2, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(inplace=True),
            nn.Flatten(),
            nn.Linear(32, 6),
        )
        self.fc = nn.Linear(6, 32)
        self.dec = nn.Sequential(
            nn.Unflatten(1, (8, 2, 2)),
            nn.ReLU(True),
            nn.ConvTranspose2d(8, 4, 4, stride=2, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(True),
            nn.Upsample(scale_factor=2, mode="nearest"),
            nn.Conv2d(4, 1, 3, padding=1),
            nn.Sigmoid(),
        )

    def forward(self, x, noise=0.0):
        if self.training and noise:
            x = (x + noise * torch.randn_like(x)).clamp_(0, 1)
        z = self.enc(x)
        return self.dec(self.fc(z)), z


model = AE()
ema = AE()
ema.load_state_dict(model.state_dict())
for p in ema.parameters():
    p.requires_grad_(False)
crit = nn.MSELoss(reduction="none")
opt = optim.Adam(model.parameters(), lr=5e-3, weight_decay=1e-5)
plateau = ReduceLROnPlateau(opt, factor=0.5, patience=1, threshold=1e-2)
losses, lrs = [], []
grads = {}
for n, p in model.named_parameters():
    p.register_hook(lambda g, n=n: grads.update({n: g.abs().max().item()}))
for epoch in range(8):
    model.train()
    perm = torch.randperm(X.size(0))
    total = 0.0
    for i in range(0, X.size(0), 16):
        xb = X[perm[i : i + 16]]
        out, z = model(xb, 0.1)
        mask = torch.rand(xb.shape) > 0.1
        loss = (crit(out, xb) * mask).sum() / mask.sum() + 1e-3 * z.abs().mean()
        for p in model.parameters():
            p.grad = None
        loss.backward()
        with torch.no_grad():
            for p in model.parameters():
                p.grad.mul_(0.9).clamp_(-1, 1)
        opt.step()
        with torch.no_grad():
            for a, b in zip(ema.parameters(), model.parameters()):
                a.lerp_(b, 0.1)
            for a, b in zip(ema.buffers(), model.buffers()):
                a.copy_(b)
        total += loss.item() * xb.size(0)
        losses.append(loss.item())
    model.eval()
    ema.eval()
    with torch.inference_mode():
        val = crit(model(X)[0], X).mean()
        ev = nn.functional.mse_loss(ema(X)[0], X)
    plateau.step(val)
    losses += [val.item(), ev.item()]
    lrs.append(opt.param_groups[0]["lr"])
    print(f"{epoch:2d} {total / len(X):.5f} {val:.5f} {ev.item():.5f}")
losses += [grads[name] for name in sorted(grads)]
