"""A bidirectional GRU that tags words, in padded batches of which some have nothing to learn from."""

import copy

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(2)
PAD, V, T = 0, 20, 4


class Sentences(Dataset):
    def __init__(self, n=48):
        self.items = []
        for i in range(n):
            length = int(torch.randint(3, 9, (1,)))
            words = torch.randint(1, V, (length,))
            tags = (words + torch.cat([words[:1], words[:-1]])) % T
            self.items.append((words, tags))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def collate(batch):
    longest = max(len(w) for w, _ in batch)
    words = torch.full((len(batch), longest), PAD, dtype=torch.long)
    tags = torch.full((len(batch), longest), -100, dtype=torch.long)
    lengths = torch.tensor([len(w) for w, _ in batch])
    for i, (w, t) in enumerate(batch):
        words[i, : len(w)] = w
        tags[i, : len(t)] = t
    return words, tags, lengths


class Tagger(nn.Module):
    def __init__(self, dim=12, hidden=10):
        super().__init__()
        self.emb = nn.Embedding(V, dim, padding_idx=PAD)
        self.rnn = nn.GRU(dim, hidden, num_layers=2, batch_first=True, bidirectional=True)
        self.drop = nn.Dropout(0.1)
        self.out = nn.Linear(2 * hidden, T)

    def forward(self, words):
        mask = words.ne(PAD).unsqueeze(-1)
        h, _ = self.rnn(self.emb(words) * mask)
        h = h.masked_fill(~mask, 0.0)
        return self.out(self.drop(h))


loader = DataLoader(Sentences(), batch_size=8, shuffle=True, collate_fn=collate)
model = Tagger()
opt = torch.optim.RMSprop(model.parameters(), lr=5e-3, momentum=0.9)
sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=1e-2, epochs=4, steps_per_epoch=len(loader))
weight = torch.tensor([1.0, 2.0, 1.0, 0.5])
crit = nn.CrossEntropyLoss(weight=weight, ignore_index=-100)
losses, acc = [], []
best, bad, best_loss = None, 0, float("inf")
confusion = torch.zeros(T, T, dtype=torch.long)
for epoch in range(4):
    model.train()
    running = torch.zeros(())
    for step, (words, tags, lengths) in enumerate(loader):
        logits = model(words)
        loss = crit(logits.view(-1, T), tags.view(-1)) / 2
        loss.backward()
        if (step + 1) % 2 == 0:
            torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=0.5)
            opt.step()
            opt.zero_grad()
        sched.step()
        running += loss.detach()
        losses.append(loss.item())
        keep = tags != -100
        pred = logits.argmax(-1)
        acc.append((pred[keep] == tags[keep]).float().mean().item())
        for a, b in zip(tags[keep].tolist(), pred[keep].tolist()):
            confusion[a, b] += 1
        assert keep.sum().item() == lengths.sum()
    # a batch with nothing to learn from
    opt.zero_grad()
    words, tags, _ = next(iter(loader))
    nothing = crit(model(words).transpose(1, 2), torch.full_like(tags, -100))
    assert torch.isnan(nothing)
    nothing.backward()
    assert all(torch.isfinite(p.grad).all() and p.grad.abs().sum() == 0 for p in model.parameters())
    opt.zero_grad()
    if running / len(loader) < best_loss:
        best_loss, best, bad = running.item() / len(loader), copy.deepcopy(model.state_dict()), 0
    else:
        bad += 1
    print(f"{epoch} {running / len(loader):.4f} {acc[-1]:.3f} {sched.get_last_lr()[0]:.5f}")
model.load_state_dict(best)
model.eval()
losses.append(float(confusion.diag().sum()) / float(confusion.sum()))
torch.save({"model": model.state_dict(), "opt": opt.state_dict(), "sched": sched.state_dict(), "epoch": 4}, "ck.pt")
ck = torch.load("ck.pt", weights_only=False)
again = Tagger()
again.load_state_dict(ck["model"])
again.eval()
o2 = torch.optim.RMSprop(again.parameters(), lr=1.0, momentum=0.9)
o2.load_state_dict(ck["opt"])
assert torch.equal(again(words), model(words))
losses.append(o2.param_groups[0]["lr"])
