"""A small vision transformer on patches, with a schedule and its best weights kept."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
N = 96
imgs = torch.randn(N, 1, 8, 8)
labels = torch.randint(0, 4, (N,))
imgs[torch.arange(N), 0, labels, labels] += 3.0
ds = TensorDataset(imgs, labels)
train, val = random_split(ds, [72, 24])
tl = DataLoader(train, batch_size=12, shuffle=True, num_workers=0, pin_memory=False)
vl = DataLoader(val, batch_size=24)


class PatchEmbed(nn.Module):
    def __init__(self, dim, patch=2):
        super().__init__()
        self.proj = nn.Conv2d(1, dim, patch, stride=patch)

    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2)


class Block(nn.Module):
    def __init__(self, dim, heads, drop=0.0):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.out = nn.Linear(dim, dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Dropout(drop), nn.Linear(2 * dim, dim))

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(B, T, 3, self.heads, C // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(q, k, v)
        x = x + self.out(y.transpose(1, 2).contiguous().view(B, T, C))
        return x + self.mlp(self.norm2(x))


class ViT(nn.Module):
    def __init__(self, dim=16, depth=2, heads=2, classes=4):
        super().__init__()
        self.patch = PatchEmbed(dim)
        self.cls = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos = nn.Parameter(torch.randn(1, 17, dim) * 0.02)
        self.blocks = nn.ModuleList([Block(dim, heads, 0.1) for _ in range(depth)])
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, classes)
        self.apply(self._init)

    @staticmethod
    def _init(m):
        if isinstance(m, nn.Linear):
            nn.init.normal_(m.weight, std=0.1)
            if m.bias is not None:
                nn.init.zeros_(m.bias)

    def forward(self, x):
        x = self.patch(x)
        x = torch.cat([self.cls.expand(x.size(0), -1, -1), x], dim=1) + self.pos
        for b in self.blocks:
            x = b(x)
        return self.head(self.norm(x)[:, 0])


model = ViT().to(device)
decay = [p for n, p in model.named_parameters() if p.dim() > 1]
rest = [p for n, p in model.named_parameters() if p.dim() <= 1]
opt = torch.optim.AdamW(
    [{"params": decay, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0.0}], lr=3e-3, betas=(0.9, 0.95)
)
steps = 5 * len(tl)
sched = LambdaLR(opt, lambda s: min(1.0, (s + 1) / 5) * 0.5 * (1 + math.cos(math.pi * s / steps)))
losses, accs, norms = [], [], []
best, best_acc = None, -1.0
for epoch in range(5):
    model.train()
    for x, y in tl:
        x, y = x.to(device, non_blocking=True), y.to(device, non_blocking=True)
        loss = F.cross_entropy(model(x), y, label_smoothing=0.1)
        opt.zero_grad(set_to_none=True)
        loss.backward()
        norms.append(float(nn.utils.clip_grad_norm_(model.parameters(), 1.0)))
        opt.step()
        sched.step()
        losses.append(loss.item())
    model.eval()
    correct = total = 0
    with torch.no_grad():
        for x, y in vl:
            pred = model(x.to(device)).argmax(dim=-1)
            correct += (pred == y.to(device)).sum().item()
            total += y.size(0)
    accs.append(correct / total)
    if correct / total > best_acc:
        best_acc, best = correct / total, {k: v.detach().cpu().clone() for k, v in model.state_dict().items()}
    print(f"epoch {epoch}: {loss:.4f} acc {correct / total:.2%} lr {sched.get_last_lr()[0]:.2e}")
model.load_state_dict(best)
losses.append(F.cross_entropy(model(imgs), labels).item())
