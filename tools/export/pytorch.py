"""Exports a PyTorch classifier to ONNX with what splitz-onnx needs to know written into the file.

As a library:

    from pytorch import export_dynamo, export_torchscript
    metadata = {"splitz.split": "first", "splitz.sigma": "0.5", "splitz.scale": "1", ...}
    export_torchscript(model, example, "model.onnx", metadata)   # torch.onnx.export(..., dynamo=False)
    export_dynamo(model, example, "model.onnx", metadata)        # torch.onnx.export(..., dynamo=True), one file

As a program, for a whole module saved with torch.save(model, ...):

    python tools/export/pytorch.py model.pt model.onnx --input 1 3 32 32 --set splitz.sigma=0.25 [--exporter dynamo]

Needs torch and onnx; the dynamo exporter also onnxscript.
"""

import argparse
import re

import onnx
import torch

#: What the new exporter writes on every node about the machine it ran on. The names of modules
#: (pkg.torch.onnx.name_scopes, pkg.torch.onnx.class_hierarchy) stay: they make cuts recognisable.
_TRACES = ("pkg.torch.onnx.stack_trace", "pkg.torch.onnx.fx_node")

_PATH = re.compile(r"(/[\w.@+-]+){2,}|[A-Za-z]:\\")


def export_torchscript(model, example, path, metadata, opset=17):
    """Writes `model` with the older exporter (IR 8 at opset 17), batch axis free, weights inside the file.

    example: one input batch, a tensor whose first axis is the batch.
    metadata: str -> str, becomes the file's metadata_props.
    """
    torch.onnx.export(
        model.eval(),
        (example,),
        path,
        dynamo=False,
        opset_version=opset,
        input_names=["input"],
        output_names=["logits"],
        dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}},
    )
    _finish(path, metadata)


def export_dynamo(model, example, path, metadata, opset=20):
    """The same with the exporter that is the default since PyTorch 2.9."""
    torch.onnx.export(
        model.eval(),
        (example,),
        path,
        dynamo=True,
        opset_version=opset,
        input_names=["input"],
        output_names=["logits"],
        dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
        external_data=False,
        verbose=False,
    )
    _finish(path, metadata)


def _finish(path, metadata):
    """Adds the metadata, takes stack traces and file paths out, and checks the file."""
    model = onnx.load(path)
    _strip(model)
    for key, value in metadata.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, str(value)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def _strip(message):
    """Empties doc_string and removes trace entries from metadata_props, in the message and all inside it."""
    for field, value in message.ListFields():
        if field.name == "doc_string":
            message.ClearField("doc_string")
        elif field.name == "metadata_props":
            kept = [(p.key, p.value) for p in value if p.key not in _TRACES and not _PATH.search(p.value)]
            del value[:]
            for key, text in kept:
                entry = value.add()
                entry.key, entry.value = key, text
        elif field.message_type is not None:
            for inner in value if field.is_repeated else [value]:
                _strip(inner)


def _main():
    parser = argparse.ArgumentParser(description="PyTorch module to ONNX for splitz-onnx")
    parser.add_argument("module", help="file written by torch.save(model, ...); it is unpickled: trust its origin")
    parser.add_argument("onnx", help="file to write")
    parser.add_argument("--input", type=int, nargs="+", required=True, help="shape of one batch, e.g. 1 3 32 32")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="an entry of metadata_props")
    parser.add_argument("--exporter", choices=["torchscript", "dynamo"], default="torchscript")
    args = parser.parse_args()
    metadata = dict(entry.split("=", 1) for entry in args.set)
    model = torch.load(args.module, map_location="cpu", weights_only=False)
    # A batch of one would be taken for a constant by the dynamo exporter.
    example = torch.zeros(max(2, args.input[0]), *args.input[1:])
    export = export_dynamo if args.exporter == "dynamo" else export_torchscript
    export(model, example, args.onnx, metadata)


if __name__ == "__main__":
    _main()
