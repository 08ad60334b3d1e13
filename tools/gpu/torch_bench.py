"""The same right halves as tools/bench/right-halves.mjs in PyTorch: samples per second with noise and alone, as JSON.

    python3 tools/gpu/torch_bench.py [SECONDS]

float32 without TF32, noise drawn on the device (torch.randn), votes counted there, one synchronisation per measurement
window. Speed does not depend on the weights, so they are PyTorch's own random ones. Without a GPU it measures the CPU.
"""

import json
import sys
import time

import torch
from torch import nn

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
SIGMA = 0.5

torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.allow_tf32 = False
# As ONNX Runtime does by default: the fastest convolution algorithm for the shape, found by trying.
torch.backends.cudnn.benchmark = True


def lenet():
    return nn.Sequential(
        *(nn.Conv2d(32, 32, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3), nn.ReLU(), nn.Conv2d(64, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(1024, 200), nn.ReLU(), nn.Linear(200, 200), nn.ReLU(), nn.Linear(200, 10)),
    )


class Block(nn.Module):
    """Batch normalisation is folded, as in the ONNX model; 1×1 convolution where the width changes."""

    def __init__(self, width, to):
        super().__init__()
        stride = 1 if width == to else 2
        self.first = nn.Conv2d(width, to, 3, stride=stride, padding=1)
        self.second = nn.Conv2d(to, to, 3, padding=1)
        self.skip = nn.Identity() if width == to else nn.Conv2d(width, to, 1, stride=stride)

    def forward(self, x):
        return torch.relu(self.second(torch.relu(self.first(x))) + self.skip(x))


def resnet20():
    widths = [16, 16, 16, 16, 32, 32, 32, 64, 64, 64]
    blocks = [Block(width, to) for width, to in zip(widths, widths[1:])]
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


@torch.inference_mode()
def rate(step, batch, device):
    """Rows per second of `step`, after a warm-up; the clock is read only when the device has finished."""

    def finished():
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    def window(steps):
        started = finished()
        for _ in range(steps):
            step()
        return finished() - started

    window(5)
    steps = 5
    while (seconds := window(steps)) < 0.1:
        steps *= 2
    steps = max(1, int(steps * SECONDS / seconds))
    return steps * batch / window(steps)


def measure(name, model, dims, batch, device):
    model = model.to(device).eval()
    latent = torch.relu(torch.sin(torch.arange(float(torch.tensor(dims).prod())))).reshape(1, *dims).to(device)
    alone = latent.expand(batch, *dims).contiguous()
    votes = torch.zeros(10, dtype=torch.int64, device=device)

    def with_noise():
        logits = model(latent + SIGMA * torch.randn(batch, *dims, device=device))
        votes.add_(torch.bincount(logits.argmax(1), minlength=10))

    return {
        "network": name,
        "batch": batch,
        "withNoise": rate(with_noise, batch, device),
        "networkAlone": rate(lambda: model(alone), batch, device),
    }


def main():
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    batches = [64, 256, 1024] if device.type == "cuda" else [16, 64]
    networks = [("LeNet", lenet, [32, 26, 26]), ("ResNet-20", resnet20, [16, 32, 32])]
    rows = [measure(name, make(), dims, batch, device) for name, make, dims in networks for batch in batches]
    where = torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    runtime = f"PyTorch {torch.__version__}, {device.type}"
    print(json.dumps({"runtime": runtime, "provider": device.type, "device": where, "rows": rows}, indent=2))


main()
