"""Plain randomised smoothing as the field runs it (Cohen, Rosenfeld, Kolter 2019, Algorithm CERTIFY), in PyTorch, on a CPU.

    python3 tools/bench/torch_certify.py MODEL.onnx IMAGES.f32 SHAPE SIGMA N [THREADS ...]

IMAGES.f32 holds float32 images of SHAPE (as in 3x32x32), one after the other. For each number of threads the best of a few batch
sizes is sought first; then every image is certified with N draws and 100 that select its class. Prints one line of JSON for each:
threads, batch, seconds per image. Needs torch, onnx and onnx2torch.
"""

import json
import sys
import time

import numpy
import onnx
import torch
from onnx2torch import convert

ALPHA = 0.001
N0 = 100
BATCHES = [64, 200, 500, 1000]


@torch.inference_mode()
def votes(model, image, sigma, draws, batch):
    counts = None
    left = draws
    while left > 0:
        rows = min(batch, left)
        left -= rows
        repeated = image.expand(rows, *image.shape[1:])
        answers = model(repeated + torch.randn_like(repeated) * sigma).argmax(1)
        counted = torch.bincount(answers, minlength=10)
        counts = counted if counts is None else counts + counted
    return counts


def certify(model, image, sigma, draws, batch):
    top = votes(model, image, sigma, N0, batch).argmax()
    return votes(model, image, sigma, draws, batch)[top].item()


def seconds(work):
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main():
    path, pixels, shape, sigma, draws, *threads = sys.argv[1:]
    dims = [int(extent) for extent in shape.split("x")]
    images = torch.from_numpy(numpy.fromfile(pixels, dtype=numpy.float32).reshape(-1, 1, *dims))
    model = convert(onnx.load(path)).eval()
    sigma, draws = float(sigma), int(draws)
    for count in [int(text) for text in threads] or [1]:
        torch.set_num_threads(count)
        certify(model, images[0], sigma, 1000, 200)
        batch = min(BATCHES, key=lambda rows: seconds(lambda: certify(model, images[0], sigma, 4000, rows)))
        spent = seconds(lambda: [certify(model, image, sigma, draws, batch) for image in images])
        print(json.dumps({"threads": count, "batch": batch, "seconds": spent / len(images)}), flush=True)


main()
