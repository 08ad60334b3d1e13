/** What preflight finds in a denoiser: what it would say of any model, and nothing about scores or preparation of pixels. */
import { basename } from 'node:path';
import type { Model } from '../onnx/model/model.ts';
import type { Finding } from '../onnx/preflight/finding.ts';
import { findingsOf, OF_CLASSIFIERS } from '../onnx/preflight/registry.ts';
import { subjectOfModel } from '../onnx/preflight/subject.ts';

/** Each says that it is about the denoiser. */
export function denoiserFindings(source: Model): Finding[] {
  const name = basename(source.path);
  return findingsOf(subjectOfModel(source, name))
    .filter(({ id }) => !OF_CLASSIFIERS.includes(id))
    .map((finding) => ({
      ...finding,
      where: finding.where === name ? `denoiser ${name}` : `denoiser ${name}, ${finding.where}`,
    }));
}
