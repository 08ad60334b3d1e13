/** Names of files that commands write where none was given: made from the model's name and the cut, and never too long. */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';

/** File systems allow 255 bytes; two parts, endings, and a lock or a temporary file alongside must fit. */
const LONGEST_PART = 96;

/** The model's file name without its folder and its ending. */
export const modelStem = (path: string): string => shortened(basename(path).replace(/\.onnx(\.gz)?$/i, ''));

/** The result file of a model, told from others by what it was certified with. */
export const resultName = (model: string, tag: string): string =>
  `${modelStem(model)}.${shortened(tag.replace(/[^\w.-]+/g, '_'))}.jsonl`;

/** A name as it is, or its beginning and a digest of all of it: names that differ stay different. */
function shortened(name: string): string {
  if (Buffer.byteLength(name) <= LONGEST_PART) return name;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 12);
  let kept = '';
  for (const character of name) {
    if (Buffer.byteLength(`${kept}${character}-${digest}`) > LONGEST_PART) break;
    kept += character;
  }
  return `${kept}-${digest}`;
}
