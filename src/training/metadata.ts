/** What a trained file says about itself, in `metadata_props`: how to certify it, and how it was made. */
import { edited, type ModelProto } from '../onnx/model/proto.ts';

export interface TrainingRecord {
  /**
   * Name of the cut, and the noise there ("0.25"; of a denoiser also "0.12..0.5"); null for a network that was trained without
   * noise.
   */
  readonly split: string | null;
  readonly sigma: string | null;
  /** Noise of plain smoothing that it is matched to by construction; null when it is not. */
  readonly matchedSigma: number | null;
  /** Clip levels of the left half, trained or not, in order. */
  readonly thetas: readonly number[];
  /** What the model expects of its pixels, as flags of `certify`; only what differs from pixels in [0,1], NCHW. */
  readonly preprocessing: { readonly [key in 'layout' | 'channels' | 'scale' | 'mean' | 'std']?: string };
  /** Kind of the data set: "mnist". */
  readonly dataset: string;
  readonly dataDigest: string;
  readonly classNames: readonly string[] | null;
  /** Settings, seed, engine, and what the last epoch saw. */
  readonly training: object;
}

/** The message with the record in its metadata; other keys stay, older values of ours are replaced. */
export function withTrainingRecord(proto: ModelProto, record: TrainingRecord): ModelProto {
  const ours = new Map<string, string>([
    ...(record.split === null ? [] : [['splitz.split', record.split] as const]),
    ...(record.sigma === null ? [] : [['splitz.sigma', record.sigma] as const]),
    ...(record.matchedSigma === null
      ? []
      : [['splitz.baseline_sigma', String(record.matchedSigma)] as const]),
    ...(record.thetas.length === 0 ? [] : [['splitz.theta', JSON.stringify(record.thetas)] as const]),
    ...Object.entries(record.preprocessing).map(([key, value]) => [`splitz.${key}`, value] as const),
    ['splitz.dataset', record.dataset],
    ['splitz.data_digest', record.dataDigest],
    ...(record.classNames === null
      ? []
      : [['splitz.class_names', JSON.stringify(record.classNames)] as const]),
    ['splitz.trained', 'true'],
    ['splitz.training', JSON.stringify(record.training)],
  ]);
  const replaced = new Set([
    ...ours.keys(),
    ...['splitz.split', 'splitz.sigma', 'splitz.baseline_sigma', 'splitz.theta', 'splitz.class_names'],
  ]);
  const kept = (proto.metadataProps ?? []).filter(({ key }) => !replaced.has(key ?? ''));
  return edited(proto, {
    metadataProps: [...kept, ...[...ours].map(([key, value]) => ({ key, value }))],
  });
}
