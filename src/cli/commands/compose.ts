/** `compose`: writes a denoiser and a network as one model, proven to compute what they compute one after the other. */
import { visible } from '../../ground/visible.ts';
import { type ComposedFile, composeFiles } from '../../runs/compose.ts';
import type { ComposeFlags } from '../declarations/compose.ts';
import { inputShapeOption } from '../input-shape.ts';
import { refuseToOverwrite } from '../output-file.ts';
import { writeModelFile } from '../written-model.ts';

export async function run(flags: ComposeFlags): Promise<void> {
  refuseToOverwrite(flags.out, [flags.denoiser, flags.model], flags.force);
  const composed = await composeFiles({
    ...flags,
    inputShape: inputShapeOption(flags.inputShape),
    settings: { split: flags.at, sigma: flags.sigma },
  });
  const remedy = 'Certify with --denoiser instead: it needs no composed file.';
  report(flags, composed, await writeModelFile(composed.proto, flags.out, remedy));
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
        : scaling.trained === scaling.sigma
          ? `, used as it is at sigma ${scaling.sigma}`
          : `, scaled from sigma ${scaling.trained} to ${scaling.sigma}`;
  process.stderr.write(
    `the denoiser stands behind '${visible(split)}'${used}; the whole = its parts, largest relative difference ${largestDifference.toExponential(1)}\nsha256 ${sha256}\n`,
  );
}
