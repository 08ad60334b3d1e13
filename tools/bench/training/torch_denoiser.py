"""The training step of a denoiser (src/training/denoising-step.ts, loss stability) in PyTorch, for speed beside our engines.

    python tools/bench/training/torch_denoiser.py [--batch 32] [--device cpu] [--threads 2]

Speaks as torch_step.py does. One step: clean logits of the frozen network; noise is added to the image; the denoiser
unet-small; logits of the network behind it; loss = CE of both divided by TEMPERATURE + the share of the noise left; gradients
clipped at norm 1; Adam. The noise is drawn in the step. Images are random: speed does not depend on them.
"""

import argparse

import torch
from torch import nn
from torch.nn import functional as F

from torch_step import answer_on_stdin, resnet

SIGMA, TEMPERATURE, WIDTH = 0.25, 4, 24


class Residual(nn.Module):
    """x + Conv(Relu(Conv(Relu(x))))."""

    def __init__(self, channels):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return x + self.second(F.relu(self.first(F.relu(x))))


class UNetSmall(nn.Module):
    """src/training/architectures/unet-small.ts, for sides that are multiples of 4."""

    def __init__(self, channels):
        super().__init__()
        w = WIDTH
        self.first = nn.Conv2d(channels, w, 3, padding=1)
        self.down1, self.down2 = nn.Conv2d(w, 2 * w, 2, 2), nn.Conv2d(2 * w, 4 * w, 2, 2)
        self.inner1, self.inner2, self.outer1 = Residual(2 * w), Residual(4 * w), Residual(2 * w)
        self.up1, self.up0 = nn.Conv2d(4 * w, 8 * w, 1), nn.Conv2d(2 * w, 4 * w, 1)
        self.noise = nn.Conv2d(w, channels, 3, padding=1)

    def forward(self, image):
        full = self.first(image)
        half = self.inner1(self.down1(F.relu(full)))
        quarter = self.inner2(self.down2(F.relu(half)))
        half = self.outer1(half + F.pixel_shuffle(self.up1(quarter), 2))
        full = full + F.pixel_shuffle(self.up0(half), 2)
        return image - self.noise(F.relu(full))


class Step:
    def __init__(self, batch, device):
        first = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.Hardtanh(0, 1))
        self.network = nn.Sequential(first, resnet(3)).to(device).eval().requires_grad_(False)
        self.denoiser = UNetSmall(3).to(device)
        self.optimizer = torch.optim.Adam(self.denoiser.parameters(), lr=1e-4, fused=True)
        self.images = torch.rand(batch, 3, 32, 32, device=device)

    def __call__(self):
        with torch.no_grad():
            own = F.softmax(self.network(self.images) / TEMPERATURE, 1)
        denoised = self.denoiser(self.images + SIGMA * torch.randn_like(self.images))
        left = F.mse_loss(denoised, self.images) / SIGMA**2
        loss = F.cross_entropy(self.network(denoised) / TEMPERATURE, own) + left
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.denoiser.parameters(), 1)
        self.optimizer.step()
        return loss


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    answer_on_stdin(lambda device: Step(options.batch, device), options)


main()
