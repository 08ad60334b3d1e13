"""Radii that CROWN's l2 bounds certify for a whole network without noise, by auto_LiRPA: beside `--method deterministic`.

python tools/linear-bound/crown.py MODEL --mnist FOLDER [--images 3] [--scale 1] [--mean M] [--std S]

The largest r at which every y_label - y_j has a lower bound above 0 on the l2 ball of radius r, by bisection to 0.1 %. CROWN, not the
optimised alpha-CROWN; float32, as auto_LiRPA computes. Units are pixels in [0,1]; MODEL takes images of 1x28x28, flat or not.

Needs torch 2.3, onnx2torch, numpy below 1.26 and auto_LiRPA 0.3, the last on PyPI, installed with --no-deps: it was made for an older torch,
and what has gone since is put back below.
"""

import argparse

import numpy
import torch
import torch.onnx.symbolic_helper
from jacobian import mnist_image
from onnx2torch import convert
from torch.onnx._globals import GLOBALS

torch.onnx.symbolic_helper._set_opset_version = lambda version: setattr(
    GLOBALS, "export_onnx_opset_version", version
)
torch._C.Node.__getitem__ = lambda node, key: getattr(node, node.kindOf(key))(key)

from auto_LiRPA import BoundedModule, BoundedTensor, PerturbationLpNorm  # noqa: E402


def margin_after_descent(network: torch.nn.Module, centre: torch.Tensor, r: float, label: int) -> float:
    """The smallest margin found on the sphere of radius r: what no lower bound may exceed."""
    moved = torch.randn_like(centre)
    for _ in range(50):
        moved = (moved / moved.norm() * r).detach().requires_grad_(True)
        logits = network(centre + moved)[0]
        margin = logits[label] - torch.cat([logits[:label], logits[label + 1 :]]).max()
        (gradient,) = torch.autograd.grad(margin, moved)
        moved = moved - 0.1 * r * gradient / gradient.norm()
    return margin.item()


def radius(network: torch.nn.Module, centre: torch.Tensor, label: int, classes: int) -> float:
    bounded = BoundedModule(network, centre)
    others = [j for j in range(classes) if j != label]
    differences = torch.zeros(1, classes - 1, classes)
    for row, j in enumerate(others):
        differences[0, row, label], differences[0, row, j] = 1, -1

    def certified(r: float) -> bool:
        ball = BoundedTensor(centre, PerturbationLpNorm(norm=2, eps=r))
        lower, _ = bounded.compute_bounds(x=(ball,), C=differences, method="CROWN")
        found = margin_after_descent(network, centre, r, label)
        if lower.min() > found + 1e-4 * abs(found):
            raise SystemExit(f"wrong: a margin of {found} was found where CROWN says {lower.min()} at least")
        return bool(lower.min() > 0)

    low, high = 0.0, 0.01
    while certified(high):
        low, high = high, 2 * high
    while high - low > 1e-3 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if certified(middle) else (low, middle)
    return low


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--mnist", required=True)
    parser.add_argument("--images", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--mean", type=float, default=0)
    parser.add_argument("--std", type=float, default=1)
    asked = parser.parse_args()
    import onnx

    model = onnx.load(asked.model)
    shape = [max(1, d.dim_value) for d in model.graph.input[0].type.tensor_type.shape.dim]
    network = convert(model).float().eval()
    # The pixels are prepared outside of the network: a Reshape in front of it makes auto_LiRPA 0.3 forget the layers' ranges.
    unit = asked.scale / asked.std
    radii = []
    for index in range(asked.images):
        centre = (mnist_image(asked.mnist, index).float() * unit - asked.mean / asked.std).reshape(shape)
        logits = network(centre)
        found = radius(network, centre, int(logits.argmax()), logits.shape[1]) / unit
        radii.append(found)
        print(f"image {index}: class {int(logits.argmax())}, radius {found:.4f}")
    print(f"median {numpy.median(radii):.4f}")


main()
