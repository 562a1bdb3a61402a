"""An LSTM that learns to write, one character after the other, its state carried from batch to batch."""

import torch
import torch.nn as nn

torch.manual_seed(5)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

text = "hello world, this is a long line of text. " * 30
vocab = sorted(set(text))
char_to_ix = {ch: i for i, ch in enumerate(vocab)}
encoded = torch.tensor([char_to_ix[ch] for ch in text], dtype=torch.long, device=device)
batch_size, seq_len, hidden_size = 8, 16, 32
data = encoded[: len(encoded) // batch_size * batch_size].view(batch_size, -1)


class CharLSTM(nn.Module):
    def __init__(self, vocab_size, hidden_size, num_layers=1):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, hidden_size)
        self.lstm = nn.LSTM(hidden_size, hidden_size, num_layers, batch_first=True)
        self.fc = nn.Linear(hidden_size, vocab_size)

    def forward(self, x, state=None):
        out, state = self.lstm(self.embedding(x), state)
        return self.fc(out), state


model = CharLSTM(len(vocab), hidden_size).to(device)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

losses, norms = [], []
for epoch in range(3):
    hidden = (torch.zeros(1, batch_size, hidden_size).to(device), torch.zeros(1, batch_size, hidden_size).to(device))
    for start in range(0, data.size(1) - seq_len, seq_len):
        inputs = data[:, start : start + seq_len]
        targets = data[:, start + 1 : start + 1 + seq_len]
        hidden = tuple(h.detach() for h in hidden)
        outputs, hidden = model(inputs, hidden)
        loss = criterion(outputs.reshape(-1, len(vocab)), targets.reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        norms.append(nn.utils.clip_grad_norm_(model.parameters(), 0.5).item())
        optimizer.step()
        losses.append(loss.item())
    print(f"Epoch [{epoch + 1}/3], loss: {losses[-1]:.4f}, perplexity: {torch.exp(torch.tensor(losses[-1])):5.2f}")
