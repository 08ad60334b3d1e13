/** Files that people take for ONNX models, known by how they begin: what each is, and how to get to the model. */

export interface OtherFormat {
  readonly what: string;
  readonly why: string;
  readonly remedy: string;
}

type Known = OtherFormat & { readonly begins: (head: string) => boolean };

const EXPORT = 'Load it in the framework that wrote it and export the network to ONNX.';

const formats: readonly Known[] = [
  {
    begins: (head) => head.startsWith('version https://git-lfs.github.com/spec/'),
    what: 'this is a git-lfs pointer, not the file itself',
    why: 'the repository was cloned without its large files: a pointer only names the model by its digest',
    remedy: 'Run git lfs pull in the repository, or download the file itself.',
  },
  {
    begins: (head) => head.slice(4, 8) === 'ORTM',
    what: 'this is a model in ONNX Runtime’s own .ort format, not ONNX',
    why: 'an .ort file is already optimised for one machine; its graph cannot be cut and bounded',
    remedy: 'Use the .onnx file it was converted from.',
  },
  {
    begins: (head) => head.slice(4, 8) === 'TFL3',
    what: 'this is a TensorFlow Lite model, not ONNX',
    why: 'a .tflite file has a format of its own',
    remedy: 'Convert it: python -m tf2onnx.convert --tflite model.tflite --output model.onnx.',
  },
  {
    begins: (head) => head.startsWith('PK\x03\x04'),
    what: 'this is a zip archive, not an ONNX model',
    why: 'PyTorch checkpoints (.pt, .pth), Keras models (.keras) and archives of models are zip files',
    remedy: `Unpack it if the .onnx file is inside. ${EXPORT}`,
  },
  {
    begins: (head) => head.startsWith('\x89HDF\r\n\x1a\n'),
    what: 'this is an HDF5 file, not an ONNX model',
    why: 'Keras writes its .h5 models in this format',
    remedy: EXPORT,
  },
  {
    begins: (head) => /^\s*<(!doctype\s+html|html)\b/i.test(head),
    what: 'this is a web page, not the model',
    why: 'a download that needs a login, or a link to the page about a file, saves the page',
    remedy: 'Download the file itself.',
  },
];

/** The format of a file that begins as none of ours does; null where it is not known. */
export function otherFormatOf(bytes: Uint8Array): OtherFormat | null {
  const head = Buffer.from(bytes.subarray(0, 256)).toString('latin1');
  return formats.find(({ begins }) => begins(head)) ?? null;
}
