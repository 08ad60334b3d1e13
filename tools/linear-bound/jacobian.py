"""The exact norm of the Jacobian of a left half at one image, by PyTorch in float64: below it no D(r)/r can be.

python tools/linear-bound/jacobian.py MODEL TENSOR --mnist FOLDER [--image 0] [--scale 1] [--mean M] [--std S]

Needs torch, onnx and onnx2torch. Units are pixels in [0,1]; MODEL takes images of 1x28x28, flat or not.
"""

import argparse
import gzip
import pathlib

import numpy
import onnx
import onnx.utils
import torch
from onnx2torch import convert


def mnist_image(folder: str, index: int) -> torch.Tensor:
    """Image `index` of the test set, as 784 numbers in [0,1]."""
    plain = pathlib.Path(folder) / "t10k-images-idx3-ubyte"
    raw = plain.read_bytes() if plain.exists() else gzip.decompress(plain.with_suffix(".gz").read_bytes())
    pixels = numpy.frombuffer(raw, numpy.uint8, 784, 16 + 784 * index)
    return torch.from_numpy(pixels.astype(numpy.float64) / 255)


def left_half(path: str, tensor: str) -> tuple[torch.nn.Module, list[int]]:
    """The network up to `tensor`, in float64, and the shape of one input."""
    model = onnx.shape_inference.infer_shapes(onnx.load(path))
    source = model.graph.input[0]
    shape = [max(1, d.dim_value) for d in source.type.tensor_type.shape.dim]
    cut = onnx.utils.Extractor(model).extract_model([source.name], [tensor])
    return convert(cut).double().eval(), shape


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("tensor")
    parser.add_argument("--mnist", required=True)
    parser.add_argument("--image", type=int, default=0)
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--mean", type=float, default=0)
    parser.add_argument("--std", type=float, default=1)
    asked = parser.parse_args()
    half, shape = left_half(asked.model, asked.tensor)

    def latent(pixels: torch.Tensor) -> torch.Tensor:
        return half(((pixels * asked.scale - asked.mean) / asked.std).reshape(shape)).flatten()

    x = mnist_image(asked.mnist, asked.image)
    jacobian = torch.autograd.functional.jacobian(latent, x)
    norm = torch.linalg.matrix_norm(jacobian, 2).item()
    print(f"{pathlib.Path(asked.model).stem} {asked.tensor} image {asked.image}: norm of the Jacobian {norm:.4f}")


if __name__ == "__main__":
    main()
