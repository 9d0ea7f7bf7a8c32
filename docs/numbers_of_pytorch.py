"""Make pytorch.npz: state_dicts and predictions that PyTorch has computed, for coming_from_pytorch.md.

    pip install torch
    python docs/numbers_of_pytorch.py

It was made with PyTorch 2.13.0. Nothing else needs it: the page compares with the file.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

torch.manual_seed(0)
numbers = {}


def keep(name, model, x):
    """Keep the state_dict, x and what comes out in inference."""
    for parameter in model.parameters():
        nn.init.normal_(parameter, 0.0, 0.5)
    model.eval()
    out = model(x)
    out = out[0] if isinstance(out, tuple) else out
    numbers.update({f"{name}/{key}": value.detach().numpy() for key, value in model.state_dict().items()})
    numbers[f"{name}/x"], numbers[f"{name}/out"] = x.numpy(), out.detach().numpy()


image = nn.Sequential(
    nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(4), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 10)
)
for _ in range(20):
    image(torch.randn(16, 1, 8, 8))  # moves the running mean and variance
keep("image", image, torch.randn(5, 1, 8, 8))
keep("lstm", nn.LSTM(3, 4, batch_first=True), torch.randn(5, 6, 3))
keep("gru", nn.GRU(3, 4, batch_first=True), torch.randn(5, 6, 3))
keep("up", nn.ConvTranspose2d(3, 2, 3, stride=2), torch.randn(5, 3, 4, 4))
keep("depthwise", nn.Conv2d(3, 6, 3, groups=3), torch.randn(5, 3, 6, 6))
keep("table", nn.Embedding(9, 3), torch.tensor([[1, 8], [0, 3]]))
attention = nn.MultiheadAttention(8, 2, batch_first=True)
x = torch.randn(2, 5, 8)
numbers.update({f"attention/{key}": value.detach().numpy() for key, value in attention.state_dict().items()})
numbers["attention/x"], numbers["attention/out"] = x.numpy(), attention(x, x, x)[0].detach().numpy()

np.savez_compressed(Path(__file__).with_name("pytorch.npz"), **numbers)
print(torch.__version__, *sorted(numbers), sep="\n")
