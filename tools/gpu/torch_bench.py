"""The same right halves as tools/bench/right-halves.mjs in PyTorch, eager and compiled: a line of JSON per measurement.

    python3 tools/gpu/torch_bench.py SECONDS lenet|resnet20|resnet110|resnet50 [dry]

float32 without TF32, noise drawn on the device (torch.randn), votes counted there, one synchronisation per measurement
window. Speed does not depend on the weights, so they are PyTorch's own random ones. Without a GPU it measures the CPU.
"""

import json
import sys
import time

import torch
from torch import nn

SECONDS = float(sys.argv[1])
NAME = sys.argv[2]
DRY = len(sys.argv) > 3
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


class Bottleneck(nn.Module):
    def __init__(self, width, inner, stride):
        super().__init__()
        to = 4 * inner
        self.first = nn.Conv2d(width, inner, 1)
        self.second = nn.Conv2d(inner, inner, 3, stride=stride, padding=1)
        self.third = nn.Conv2d(inner, to, 1)
        self.skip = nn.Identity() if width == to and stride == 1 else nn.Conv2d(width, to, 1, stride=stride)

    def forward(self, x):
        y = torch.relu(self.second(torch.relu(self.first(x))))
        return torch.relu(self.third(y) + self.skip(x))


def cifar_resnet(depth):
    blocks, width = [], 16
    for to in (16, 32, 64):
        for _ in range((depth - 2) // 6):
            blocks.append(Block(width, to))
            width = to
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def resnet50():
    layers, width = [nn.MaxPool2d(3, 2, 1)], 64
    for stage, blocks in enumerate((3, 4, 6, 3)):
        for block in range(blocks):
            layers.append(Bottleneck(width, 64 * 2**stage, 2 if stage > 0 and block == 0 else 1))
            width = 4 * 64 * 2**stage
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))


NETWORKS = {
    "lenet": ("LeNet", lenet, [32, 26, 26], 10, [2048, 512]),
    "resnet20": ("ResNet-20", lambda: cifar_resnet(20), [16, 32, 32], 10, [2048, 512]),
    "resnet110": ("ResNet-110", lambda: cifar_resnet(110), [16, 32, 32], 10, [1024, 256]),
    "resnet50": ("ResNet-50", resnet50, [64, 112, 112], 1000, [128, 64]),
}


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

    window(1 if DRY else 5)
    steps = 1 if DRY else 5
    while (seconds := window(steps)) < 0.1:
        steps *= 2
    steps = max(1, int(steps * SECONDS / seconds))
    return steps * batch / window(steps)


def measure(model, dims, classes, batch, device):
    latent = torch.relu(torch.sin(torch.arange(float(torch.tensor(dims).prod())))).reshape(1, *dims).to(device)
    alone = latent.expand(batch, *dims).contiguous()
    votes = torch.zeros(classes, dtype=torch.int64, device=device)

    def with_noise():
        logits = model(latent + SIGMA * torch.randn(batch, *dims, device=device))
        votes.add_(torch.bincount(logits.argmax(1), minlength=classes))

    return {
        "withNoise": rate(with_noise, batch, device),
        "networkAlone": rate(lambda: model(alone), batch, device),
    }


def main():
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name, make, dims, classes, batches = NETWORKS[NAME]
    batches = [2] if DRY else batches
    where = torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    model = make().to(device).eval()
    # Compiling takes most of a minute: for the first batch only.
    compiled = [] if DRY else [("compiled", torch.compile(model), batches[:1])]
    ways = [("eager", model, batches[:1]), *compiled, ("eager", model, batches[1:])]
    for way, run, sizes in ways:
        for batch in sizes:
            row = {
                "runtime": f"PyTorch {torch.__version__}, {way}",
                "device": where,
                "provider": device.type,
                "network": name,
                "batch": batch,
            }
            try:
                row.update(measure(run, dims, classes, batch, device))
            except Exception as error:  # the next one may work: a row that says so
                row["failed"] = str(error)
            print(json.dumps(row), flush=True)


main()
