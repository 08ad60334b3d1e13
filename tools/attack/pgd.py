"""The smallest l2 perturbations that a PyTorch PGD finds for the classifier itself, beside those of `splitz-onnx attack`.

    splitz-onnx attack net.onnx --data mnist:FOLDER --undefended --max 50 --out attack.jsonl
    python tools/attack/pgd.py net.onnx FOLDER attack.jsonl [--mean 0.1307 --std 0.3081]

For each image of attack.jsonl: the attack of Madry et al. (2018) in l2 (cross-entropy, normalised gradient steps of
2.5 eps / steps, random starts, projection), and a bisection over eps: the least eps at which any start changes the class.
Prints one line per image and the ratios of the distances. Needs torch, onnx, onnxruntime and numpy; the network is
evaluated by a small interpreter of its ONNX nodes, compared with ONNX Runtime before anything else.
"""
import argparse
import gzip
import json
import pathlib

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F
from onnx import numpy_helper


def images_of(folder, dims):
    """Test images in [0,1] as float32 [N,C,H,W]: MNIST IDX or CIFAR-10 binary, whichever lies in the folder."""
    folder = pathlib.Path(folder)

    def read(name):
        path = folder / name
        return path.read_bytes() if path.exists() else gzip.open(f"{path}.gz").read()

    if dims[0] == 1:
        name = next(n for n in ("t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte") if list(folder.glob(f"{n}*")))
        pixels = np.frombuffer(read(name), np.uint8)[16:].reshape(-1, 1, 28, 28)
    else:
        name = "test_batch.bin"
        pixels = np.frombuffer(read(name), np.uint8).reshape(-1, 3073)[:, 1:].reshape(-1, 3, 32, 32)
    return (pixels / 255).astype(np.float32)


class Network:
    """An ONNX graph as a differentiable function of [N,C,H,W]."""

    def __init__(self, path, mean, std):
        self.graph = onnx.load(path).graph
        self.constants = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in self.graph.initializer}
        self.input = next(i.name for i in self.graph.input if i.name not in self.constants)
        channels = len(mean)
        self.mean = torch.tensor(mean).view(1, channels, 1, 1)
        self.std = torch.tensor(std).view(1, channels, 1, 1)

    def __call__(self, x):
        values = {"": None, **self.constants, self.input: (x - self.mean) / self.std}
        for node in self.graph.node:
            a = {k.name: onnx.helper.get_attribute_value(k) for k in node.attribute}
            inputs = [values[name] for name in node.input]
            values[node.output[0]] = self.apply(node.op_type, inputs, a)
        return values[self.graph.output[0].name]

    @staticmethod
    def apply(op, inputs, a):
        x = inputs[0] if inputs else None
        if op in ("Conv", "MaxPool"):
            pads = a.get("pads", [0, 0, 0, 0])
            value = 0.0 if op == "Conv" else -float("inf")
            x = F.pad(x, [pads[1], pads[3], pads[0], pads[2]], value=value)
            strides = a.get("strides", [1, 1])
            if op == "MaxPool":
                return F.max_pool2d(x, a["kernel_shape"], strides)
            bias = inputs[2] if len(inputs) > 2 else None
            return F.conv2d(x, inputs[1], bias, strides, 0, a.get("dilations", [1, 1]), a.get("group", 1))
        if op == "Gemm":
            left = x.T if a.get("transA") else x
            right = inputs[1].T if a.get("transB") else inputs[1]
            product = a.get("alpha", 1.0) * left @ right
            return product if len(inputs) < 3 else product + a.get("beta", 1.0) * inputs[2]
        if op == "Reshape":
            shape = inputs[1].tolist()
            rows = [x.shape[0], *shape[1:]]
            return x.reshape([x.shape[k] if d == 0 else d for k, d in enumerate(rows)])
        if op == "BatchNormalization":
            scale, bias, mean, variance = inputs[1:5]
            return F.batch_norm(x, mean, variance, scale, bias, False, 0.0, a.get("epsilon", 1e-5))
        simple = {
            "Relu": lambda: F.relu(x),
            "LeakyRelu": lambda: F.leaky_relu(x, a.get("alpha", 0.01)),
            "Flatten": lambda: x.flatten(a.get("axis", 1)),
            "Identity": lambda: x,
            "LogSoftmax": lambda: F.log_softmax(x, a.get("axis", -1)),
            "Softmax": lambda: F.softmax(x, a.get("axis", -1)),
            "GlobalAveragePool": lambda: x.mean((2, 3), keepdim=True),
            "Add": lambda: x + inputs[1],
            "Sub": lambda: x - inputs[1],
            "Mul": lambda: x * inputs[1],
            "Div": lambda: x / inputs[1],
            "MatMul": lambda: x @ inputs[1],
            "Transpose": lambda: x.permute(a["perm"]),
            "Constant": lambda: torch.from_numpy(numpy_helper.to_array(a["value"]).copy()),
        }
        if op not in simple:
            raise SystemExit(f"this script has no {op}")
        return simple[op]()


def broken(network, x, label, eps, steps, restarts, generator):
    """Whether PGD in the ball of radius eps changes the class of one image; all starts in one batch."""
    shape = [restarts, *x.shape[1:]]
    delta = torch.randn(shape, generator=generator)
    length = torch.rand([restarts, 1, 1, 1], generator=generator) * eps
    length[0] = 0
    delta = delta / delta.flatten(1).norm(dim=1).view(-1, 1, 1, 1) * length
    labels = torch.full([restarts], label)
    for _ in range(steps):
        delta.requires_grad_(True)
        logits = network(x + delta)
        if (logits.argmax(1) != label).any():
            return True
        (gradient,) = torch.autograd.grad(F.cross_entropy(logits, labels, reduction="sum"), delta)
        size = gradient.flatten(1).norm(dim=1).clamp_min(1e-30).view(-1, 1, 1, 1)
        delta = delta.detach() + 2.5 * eps / steps * gradient / size
        norm = delta.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        delta = delta * (eps / norm).clamp_max(1)
    return bool((network(x + delta).argmax(1) != label).any())


def smallest(network, x, label, args, generator):
    low, high = 0.0, 0.5
    while not broken(network, x, label, high, args.steps, args.restarts, generator):
        low, high = high, 2 * high
        if high > 100:
            return float("inf")
    for _ in range(10):
        middle = (low + high) / 2
        if broken(network, x, label, middle, args.steps, args.restarts, generator):
            high = middle
        else:
            low = middle
    return high


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("folder")
    parser.add_argument("attack")
    parser.add_argument("--mean", default="0")
    parser.add_argument("--std", default="1")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--restarts", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    records = [json.loads(line) for line in open(args.attack)][1:]
    session = onnxruntime.InferenceSession(args.model)
    dims = session.get_inputs()[0].shape[1:]
    mean, std = ([float(v) for v in text.split(",")] for text in (args.mean, args.std))
    mean, std = (v * dims[0] if len(v) == 1 else v for v in (mean, std))
    images = images_of(args.folder, dims)
    network = Network(args.model, mean, std)
    with torch.no_grad():
        x = torch.from_numpy(images[:1])
        fed = ((x - network.mean) / network.std).numpy()
        expected = session.run(None, {session.get_inputs()[0].name: fed})[0]
        assert np.allclose(network(x).numpy(), expected, rtol=1e-3, atol=1e-4), "the interpreter differs from ONNX Runtime"
    generator = torch.Generator().manual_seed(0)
    ratios = []
    for record in records:
        if record["prediction"] is None:
            continue
        x = torch.from_numpy(images[record["index"] : record["index"] + 1])
        theirs = smallest(network, x, record["prediction"], args, generator)
        found = record["attacked"]
        ours = found["distance"] if found else float("inf")
        ratios.append(ours / theirs)
        print(f"image {record['index']}: splitz-onnx {ours:.4f}, PGD {theirs:.4f}, ratio {ratios[-1]:.3f}", flush=True)
    ratios.sort()
    print(
        f"{len(ratios)} images: ratio median {ratios[len(ratios) // 2]:.3f}, "
        f"least {ratios[0]:.3f}, largest {ratios[-1]:.3f}, above 3: {sum(r > 3 for r in ratios)}"
    )


if __name__ == "__main__":
    main()
