"""The SPLITZ training step of src/training/step.ts (regulariser mask) in PyTorch, for speed beside our engines.

    python tools/bench/training/torch_step.py [--network lenet] [--batch 256] [--device cpu] [--threads 2]

Reads one line per measurement from standard input, the seconds to work for, and answers with one line of JSON:
{"images": …, "seconds": …}. The first line out tells what runs. Ends with standard input.

One step: z = conv1(x); neurons that can vary when x moves by RADIUS are kept by a mask; POWER_STEPS power iterations on the
masked convolution, started from the vectors of the step before; L_i = ||mask · conv1(v_i)||, differentiable in the weights;
loss = (1 - λ) CE(right(clip(z) + σ · noise)) + λ mean max(θ_L, L_i); Adam. The noise is drawn in the step. Images are
random: speed does not depend on them.
"""

import argparse
import json
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

SIGMA, RADIUS, LAMBDA, THRESHOLD, POWER_STEPS = 0.75, 0.1, 0.8, 0.5, 5


def lenet():
    """The architecture lenet behind its Clip."""
    return nn.Sequential(
        *(nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10)),
    )


def lenet_splitz():
    return nn.Sequential(
        *(nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(5000, 500), nn.ReLU(), nn.Linear(500, 10)),
    )


class Residual(nn.Module):
    def __init__(self, width, to):
        super().__init__()
        stride = 1 if width == to else 2
        self.branch = nn.Sequential(
            *(nn.Conv2d(width, to, 3, stride, 1, bias=False), nn.BatchNorm2d(to), nn.ReLU()),
            *(nn.Conv2d(to, to, 3, 1, 1, bias=False), nn.BatchNorm2d(to)),
        )
        self.skip = nn.Identity()
        if width != to:
            self.skip = nn.Sequential(nn.Conv2d(width, to, 1, stride, bias=False), nn.BatchNorm2d(to))

    def forward(self, x):
        return F.relu(self.branch(x) + self.skip(x))


def resnet(blocks):
    widths = [16] * (blocks + 1) + [32] * blocks + [64] * blocks
    body = [Residual(width, to) for width, to in zip(widths, widths[1:])]
    return nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


# Image, first convolution, right half, as in models/NAME.onnx.
NETWORKS = {
    "lenet": ((1, 28, 28), lambda: nn.Conv2d(1, 20, 5), lenet),
    "lenet-splitz": ((1, 28, 28), lambda: nn.Conv2d(1, 20, 5), lenet_splitz),
    "resnet20": ((3, 32, 32), lambda: nn.Conv2d(3, 16, 3, padding=1), lambda: resnet(3)),
    "resnet110": ((3, 32, 32), lambda: nn.Conv2d(3, 16, 3, padding=1), lambda: resnet(18)),
}


def normalised(v):
    return v / v.flatten(1).norm(dim=1).clamp_min(1e-12)[:, None, None, None]


class Step:
    def __init__(self, name, batch, device):
        shape, conv, right = NETWORKS[name]
        self.conv, self.right = conv().to(device), right().to(device)
        parameters = [*self.conv.parameters(), *self.right.parameters()]
        self.optimizer = torch.optim.Adam(parameters, lr=1e-4, fused=True)
        self.images = torch.rand(batch, *shape, device=device)
        self.labels = torch.randint(0, 10, (batch,), device=device)
        self.vectors = torch.rand(batch, *shape, device=device) + 0.5

    def local_norms(self, z):
        """L of each image, [B], with the gradient through the top singular pair; z = conv1(images)."""
        weight, padding = self.conv.weight, self.conv.padding
        with torch.no_grad():
            ones = torch.ones_like(self.images[:1])
            reach = RADIUS * F.conv2d(ones, weight.square(), padding=padding).sqrt()
            mask = ((z + reach > 0) & (z - reach < 1)).float()
            v = normalised(self.vectors)
            for _ in range(POWER_STEPS):
                u = mask * F.conv2d(v, weight, padding=padding)
                v = normalised(F.conv_transpose2d(u, weight, padding=padding) + 1e-6 * v)
            self.vectors = v
        return (mask * F.conv2d(v, weight, padding=padding)).flatten(1).norm(dim=1)

    def __call__(self):
        z = self.conv(self.images)
        penalty = self.local_norms(z).clamp_min(THRESHOLD).mean()
        latent = z.clamp(0, 1)
        logits = self.right(latent + SIGMA * torch.randn_like(latent))
        loss = (1 - LAMBDA) * F.cross_entropy(logits, self.labels) + LAMBDA * penalty
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss


def answer_on_stdin(make_step, options):
    """Works for as long as each line of standard input says. options: batch, device, threads."""
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    # float32 throughout, as our engines compute.
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    device = torch.device(options.device)
    step = make_step(device)
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else f"cpu, {options.threads} threads"
    print(json.dumps({"description": f"PyTorch {torch.__version__} ({where})"}), flush=True)
    for line in sys.stdin:
        seconds, images, began = float(line), 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            # Reading the loss waits for the device, as a training run that prints it does.
            if not step().isfinite().item():
                raise SystemExit("the loss is not finite")
            images += options.batch
        print(json.dumps({"images": images, "seconds": time.perf_counter() - began}), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--network", choices=NETWORKS, default="lenet")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    answer_on_stdin(lambda device: Step(options.network, options.batch, device), options)


if __name__ == "__main__":
    main()
