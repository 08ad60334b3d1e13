/** `compose`: writes a denoiser and a network as one model, proven to compute what they compute one after the other. */
import { createHash } from 'node:crypto';
import { existsSync, realpathSync } from 'node:fs';
import { ToolError, UsageError } from '../../ground/errors.ts';
import { visible } from '../../ground/visible.ts';
import { encodeModel } from '../../onnx/model/codec.ts';
import { saveModel } from '../../onnx/model/save.ts';
import { type ComposedFile, composeFiles } from '../../runs/compose.ts';
import type { ComposeFlags } from '../declarations/compose.ts';
import { inputShapeOption } from '../input-shape.ts';

/** Protobuf's own limit. */
const MOST_BYTES = 2 ** 31 - 1;

export async function run(flags: ComposeFlags): Promise<void> {
  refuseToOverwrite(flags);
  const composed = await composeFiles({
    ...flags,
    inputShape: inputShapeOption(flags.inputShape),
    settings: { split: flags.at, sigma: flags.sigma },
  });
  const bytes = encodeModel(composed.proto);
  if (bytes.length > MOST_BYTES) {
    throw new ToolError({
      what: `the composed model has ${bytes.length} bytes`,
      where: flags.out,
      why: 'an ONNX file holds 2 GiB at most, and external data are not written',
      remedy: 'Certify with --denoiser instead: it needs no composed file.',
    });
  }
  await saveModel(bytes, flags.out);
  report(flags, composed, createHash('sha256').update(bytes).digest('hex'));
}

/** Throws UsageError for an output that is there already, or is one of the inputs. */
function refuseToOverwrite({ out, model, denoiser, force }: ComposeFlags): void {
  if (!existsSync(out)) return;
  const source = [denoiser, model].find(
    (path) => existsSync(path) && realpathSync(path) === realpathSync(out),
  );
  if (source !== undefined) {
    throw new UsageError({
      what: `--out names the file that is read, ${source}`,
      remedy: 'Choose another file with --out.',
    });
  }
  if (force) return;
  throw new UsageError({
    what: `${out} already exists`,
    remedy: 'Add --force to overwrite it, or choose another file with --out.',
  });
}

function report(
  { out, json, quiet }: ComposeFlags,
  { split, conditioning, largestDifference }: ComposedFile,
  sha256: string,
): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ out, sha256, split, ...conditioning, largestDifference })}\n`);
    return;
  }
  process.stdout.write(`${visible(out)}\n`);
  if (quiet) return;
  const { scaling, diffusion } = conditioning;
  const used =
    diffusion !== null
      ? `, step ${diffusion.timestep} of its schedule`
      : scaling === null
        ? ''
        : `, scaled from sigma ${scaling.trained} to ${scaling.sigma}`;
  process.stderr.write(
    `the denoiser stands behind '${visible(split)}'${used}; the whole = its parts, largest relative difference ${largestDifference.toExponential(1)}\nsha256 ${sha256}\n`,
  );
}
