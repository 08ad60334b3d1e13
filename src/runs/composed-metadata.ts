/** What files made of several others have in common: which metadata stay behind, and the shape of their images. */
import type { Model } from '../onnx/model/model.ts';
import type { IntakeSettings } from './intake-settings.ts';

/** What a composed model does itself: it takes pixels in [0,1], red first, channel by channel. */
export const PREPARATION = ['layout', 'channels', 'scale', 'mean', 'std'].map((name) => `splitz.${name}`);

/** [C,H,W] of the images of a network, channels first; null where the file leaves it open, or they are not images. */
export function statedImageShape(source: Model, intake: IntakeSettings): readonly number[] | null {
  const shape = channelsFirst(rowOf(source), intake);
  return shape?.length === 3 ? shape : null;
}

/** Shape of one row of the only input of rank above 1; null where it is open. */
export function rowOf({ graph }: Model): readonly number[] | null {
  const shape = graph.inputs.find(({ declaredShape }) => (declaredShape?.length ?? 0) > 1)?.declaredShape;
  const row = shape?.slice(1) ?? [];
  return row.length > 0 && row.every((d) => typeof d === 'number') ? (row as number[]) : null;
}

function channelsFirst(row: readonly number[] | null, { layout }: IntakeSettings): readonly number[] | null {
  if (row === null) return null;
  if (layout.value === 'nhwc') return [...row.slice(2), ...row.slice(0, 2)];
  return layout.value === 'hw' ? [1, ...row] : row;
}
