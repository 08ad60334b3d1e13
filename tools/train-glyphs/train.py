"""Trains the shipped glyph classifier with Gaussian noise and exports it with both PyTorch exporters.

    npm run build
    node tools/train-glyphs/dump.mjs FOLDER
    python tools/train-glyphs/train.py FOLDER models

Half of the batches get noise of deviation SIGMA on the input (Cohen et al. 2019), half on the latent behind the first
Relu. The first convolution is divided by its spectral norm at every step, so it is 1-Lipschitz: noise SIGMA on the latent
then stands for noise SIGMA on the input, and one deviation serves both places.
"""

import argparse
import json
import pathlib
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "export"))
from pytorch import export_dynamo, export_torchscript  # noqa: E402

SIGMA = 0.5
SEED = 20260101


class GlyphNet(nn.Module):
    """1×28×28 -> 10 logits; `conv1` and `relu1` are the left half of the default cut."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 5)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(16, 32, 5, stride=2)
        self.relu2 = nn.ReLU()
        self.conv3 = nn.Conv2d(32, 32, 3, stride=2)
        self.relu3 = nn.ReLU()
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(512, 64)
        self.relu4 = nn.ReLU()
        self.fc2 = nn.Linear(64, 10)

    def left(self, x):
        return self.relu1(self.conv1(x))

    def right(self, u):
        hidden = self.relu3(self.conv3(self.relu2(self.conv2(u))))
        return self.fc2(self.relu4(self.fc1(self.flatten(hidden))))

    def forward(self, x):
        return self.right(self.left(x))


class UnitNorm(nn.Module):
    """Divides a convolution kernel with one input channel by its spectral norm.

    For one input channel the circular convolution's norm at size N is max_f sqrt(sum_k |w_k(f)|^2) over the N×N
    frequencies f, and with N = 32 >= 28 + 5 - 1 it is at least the norm of the unpadded convolution of a 28×28 image.
    """

    def forward(self, weight):
        energy = torch.fft.fft2(weight[:, 0], s=(32, 32)).abs().square().sum(0)
        return weight / energy.max().sqrt()


def load(folder, subset):
    images = np.fromfile(folder / f"{subset}-images.bin", np.uint8).reshape(-1, 1, 28, 28)
    labels = np.fromfile(folder / f"{subset}-labels.bin", np.uint8)
    return torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64))


def noisy_logits(model, x, place, sigma):
    if place == "input":
        return model(x + sigma * torch.randn_like(x))
    u = model.left(x)
    return model.right(u + sigma * torch.randn_like(u))


@torch.no_grad()
def accuracies(model, images, labels):
    """Share of right answers: clean, and for single draws of noise at the input and at the latent."""
    model.eval()
    right = {"clean": 0, "input": 0, "latent": 0}
    for start in range(0, len(images), 1000):
        x = images[start : start + 1000].float() / 255
        y = labels[start : start + 1000]
        right["clean"] += (model(x).argmax(1) == y).sum().item()
        for place in ("input", "latent"):
            right[place] += (noisy_logits(model, x, place, SIGMA).argmax(1) == y).sum().item()
    return {name: count / len(images) for name, count in right.items()}


def train(model, images, labels, epochs, batch=128):
    steps = epochs * (len(images) // batch)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps, pct_start=0.15)
    step = 0
    for epoch in range(epochs):
        model.train()
        order = torch.randperm(len(images))
        total = 0.0
        for start in range(0, len(images) - batch + 1, batch):
            chosen = order[start : start + batch]
            x = images[chosen].float() / 255
            logits = noisy_logits(model, x, "input" if step % 2 == 0 else "latent", SIGMA)
            loss = F.cross_entropy(logits, labels[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item() * batch
            step += 1
        print(f"epoch {epoch + 1} of {epochs}: loss {total / len(images):.4f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description="trains and exports the shipped glyph classifier")
    parser.add_argument("data", type=pathlib.Path, help="folder written by dump.mjs")
    parser.add_argument("models", type=pathlib.Path, help="folder for the .onnx files")
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.manual_seed(SEED)
    torch.set_num_threads(args.threads)
    summary = json.loads((args.data / "glyphs.json").read_text())
    images, labels = load(args.data, "train")

    model = GlyphNet()
    nn.utils.parametrize.register_parametrization(model.conv1, "weight", UnitNorm())
    began = time.perf_counter()
    train(model, images, labels, args.epochs)
    seconds = time.perf_counter() - began
    nn.utils.parametrize.remove_parametrizations(model.conv1, "weight")

    report = {
        "data": summary,
        "torch": torch.__version__,
        "seed": SEED,
        "sigma": SIGMA,
        "epochs": args.epochs,
        "threads": args.threads,
        "seconds": round(seconds),
        "parameters": sum(p.numel() for p in model.parameters()),
        "test": accuracies(model, *load(args.data, "test")),
    }
    metadata = {
        "splitz.split": "first",
        "splitz.sigma": SIGMA,
        "splitz.baseline_sigma": SIGMA,
        "splitz.dataset": "glyphs",
        "splitz.layout": "nchw",
        "splitz.scale": "1",
        "splitz.class_names": json.dumps(summary["classNames"]),
    }
    args.models.mkdir(parents=True, exist_ok=True)
    example = torch.zeros(2, 1, 28, 28)
    export_torchscript(model, example, str(args.models / "glyphs-lenet.onnx"), metadata)
    export_dynamo(model, example, str(args.models / "glyphs-lenet-dynamo.onnx"), metadata)
    torch.save(model.state_dict(), args.data / "glyphs-lenet.pt")
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
