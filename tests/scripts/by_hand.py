"""A network without torch.nn: tensors, autograd, and weights moved by hand."""

import math

import torch

torch.manual_seed(0)
dtype = torch.float
device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")

x = torch.linspace(-math.pi, math.pi, 200, device=device, dtype=dtype)
y = torch.sin(x)

a = torch.randn((), device=device, dtype=dtype, requires_grad=True)
b = torch.randn((), device=device, dtype=dtype, requires_grad=True)
c = torch.randn((), device=device, dtype=dtype, requires_grad=True)
d = torch.randn((), device=device, dtype=dtype, requires_grad=True)

losses = []
learning_rate = 1e-5
for t in range(60):
    y_pred = a + b * x + c * x**2 + d * x**3
    loss = (y_pred - y).pow(2).sum()
    losses.append(loss.item())
    loss.backward()
    with torch.no_grad():
        a -= learning_rate * a.grad
        b -= learning_rate * b.grad
        c -= learning_rate * c.grad
        d -= learning_rate * d.grad
        a.grad = None
        b.grad = None
        c.grad = None
        d.grad = None
print(f"Result: y = {a.item()} + {b.item()} x + {c.item()} x^2 + {d.item()} x^3")

w1 = torch.randn(32, 50, device=device) / 32**0.5
w2 = torch.randn(50, 4, device=device) / 50**0.5
w1.requires_grad_(), w2.requires_grad_()
inputs, targets = torch.rand(64, 32, device=device), torch.rand(64, 4, device=device)
velocity = [torch.zeros_like(w) for w in (w1, w2)]
for t in range(30):
    prediction = inputs.mm(w1).clamp(min=0).mm(w2)
    loss = (prediction - targets).pow(2).mean()
    losses.append(loss.item())
    loss.backward()
    with torch.no_grad():
        for w, v in zip((w1, w2), velocity):
            v.mul_(0.9).add_(w.grad)
            w.sub_(0.02 * v)
            w.grad.zero_()
