"""Exports well-known image classifiers with random weights, as an auditor would meet them: 224 x 224, two exporters.

    python tools/export/architectures.py OUT_DIR [NAME ...] [--exporter torchscript|dynamo|both]

Writes OUT_DIR/NAME-EXPORTER.onnx for ResNet-18, MobileNetV2, VGG-11, EfficientNet-B0, ConvNeXt-tiny (torchvision) and
ViT-tiny (torchvision's VisionTransformer at the size of DeiT-tiny). The weights are torchvision's initialisation under
a fixed seed, with BatchNormalization statistics taken from noise images, so that activations keep a sensible scale.

Needs torch, torchvision, onnx and (dynamo) onnxscript. Nothing is downloaded.
"""

import argparse
import pathlib

import torch
import torchvision
from pytorch import export_dynamo, export_torchscript

_MODELS = torchvision.models

ARCHITECTURES = {
    "resnet18": lambda: _MODELS.resnet18(weights=None),
    "mobilenet_v2": lambda: _MODELS.mobilenet_v2(weights=None),
    "vgg11": lambda: _MODELS.vgg11(weights=None),
    "efficientnet_b0": lambda: _MODELS.efficientnet_b0(weights=None),
    "convnext_tiny": lambda: _MODELS.convnext_tiny(weights=None),
    "vit_tiny": lambda: _MODELS.VisionTransformer(
        image_size=224, patch_size=16, num_layers=12, num_heads=3, hidden_dim=192, mlp_dim=768
    ),
}

EXPORTERS = {"torchscript": export_torchscript, "dynamo": export_dynamo}


def build(name):
    """The network in eval mode, the same for every call."""
    torch.manual_seed(0)
    model = ARCHITECTURES[name]()
    model.train()
    for module in model.modules():
        if isinstance(module, (torch.nn.Dropout, torchvision.ops.StochasticDepth)):
            module.p = 0.0
    with torch.no_grad():
        for _ in range(4):
            model(torch.randn(8, 3, 224, 224))
    return model.eval()


def main():
    parser = argparse.ArgumentParser(description="image classifiers with random weights, as ONNX")
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("names", nargs="*", default=[], metavar="NAME", help=", ".join(ARCHITECTURES))
    parser.add_argument("--exporter", choices=[*EXPORTERS, "both"], default="both")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    exporters = EXPORTERS if args.exporter == "both" else {args.exporter: EXPORTERS[args.exporter]}
    # What ImageNet models expect of pixels in [0,1]; certify puts it inside the network.
    metadata = {"splitz.mean": "0.485,0.456,0.406", "splitz.std": "0.229,0.224,0.225", "splitz.scale": "1"}
    for name in args.names or ARCHITECTURES:
        model = build(name)
        for kind, export in exporters.items():
            path = args.out / f"{name}-{kind}.onnx"
            export(model, torch.zeros(2, 3, 224, 224), str(path), metadata)
            print(path, f"{path.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
