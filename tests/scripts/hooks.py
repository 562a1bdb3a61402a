"""Hooks: what layers give and which gradients come back, watched from outside."""

import torch
from torch import nn

torch.manual_seed(12)
activations, gradients = {}, {}


def save_activation(name):
    def hook(module, args, output):
        activations[name] = output.detach()

    return hook


def save_gradient(name):
    def hook(module, grad_input, grad_output):
        gradients[name] = grad_output[0].detach()

    return hook


model = nn.Sequential()
model.add_module("fc1", nn.Linear(10, 32))
model.add_module("act", nn.GELU())
model.add_module("fc2", nn.Linear(32, 32))
model.add_module("norm", nn.LayerNorm(32))
model.add_module("out", nn.Linear(32, 3))

handles = []
for name, module in model.named_children():
    handles.append(module.register_forward_hook(save_activation(name)))
    handles.append(module.register_full_backward_hook(save_gradient(name)))
model.fc2.weight.register_hook(lambda grad: grad * 0.5)

x = torch.randn(96, 10)
y = torch.randint(0, 3, (96,))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
losses, means, sizes = [], [], []
for epoch in range(10):
    for xb, yb in zip(x.chunk(3), y.chunk(3)):
        loss = nn.functional.cross_entropy(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        means.append(activations["act"].mean().item())
        sizes.append(gradients["fc2"].norm().item() * 10)
    dead = (activations["act"] < -0.1).float().mean()
    print(f"epoch {epoch}: loss {losses[-1]:.4f}, {dead:.1%} of the activations below -0.1")

for handle in handles:
    handle.remove()
activations.clear()
model(x)
assert not activations
