/** An inspection as one JSON document. */
import type { Inspection } from '../../inspection/inspection.ts';
import { LOCAL_RADIUS } from '../../inspection/local-bounds.ts';

/** Format name in the document; a field is added without a new number, never changed or removed. */
export const INSPECTION_FORMAT = 'splitz-onnx/inspect/1';

export function inspectionDocument({
  name,
  model,
  classifier,
  refusal,
  findings,
  cuts,
  segments,
  local,
  alone,
}: Inspection) {
  return {
    schema: INSPECTION_FORMAT,
    verdict: refusal === null ? 'certifiable' : 'refused',
    refusal: refusal && {
      what: refusal.report.what,
      why: refusal.report.why ?? null,
      do: refusal.report.remedy,
    },
    model: {
      name,
      files: model?.files ?? [],
      irVersion: model?.irVersion ?? null,
      opsets: model && Object.fromEntries([...model.opsets].map(([d, version]) => [d || 'ai.onnx', version])),
      producer: model?.producer ?? null,
      metadata: Object.fromEntries(model?.metadata ?? []),
      modified: model?.modifications ?? [],
      classes: classifier?.classes ?? null,
      batchable: classifier?.batchable ?? null,
      whyNotBatchable: classifier?.whyNotBatchable ?? null,
    },
    findings,
    cuts: cuts.map(({ cut, why, checked, latentLipschitz, localOnly }) => ({
      index: cut.index,
      name: cut.name,
      tensor: cut.value.name,
      shape: cut.dims.slice(1),
      nodesLeft: cut.nodesLeft,
      nodesRight: cut.nodesRight,
      parametersLeft: cut.parametersLeft,
      parametersRight: cut.parametersRight,
      // Null where only the operators were looked at: one of them may still refuse its attributes.
      boundable: why !== null ? false : checked ? true : null,
      checked,
      why,
      lipschitz: latentLipschitz,
      // True where no Lipschitz constant holds on all of space: the bound is that of a ball around each image.
      localOnly,
    })),
    segments,
    // Upper bounds on D(radius)/radius around the first image of --data; null where there is none, or was no time. Empty without --data.
    local: local.map(({ cut, secant, linear }) => ({
      cut: cut.name,
      radius: LOCAL_RADIUS,
      secant: finiteOrNull(secant),
      linear: finiteOrNull(linear),
    })),
    // Images of --data whose label the network alone answers; null without them.
    alone,
  };
}

const finiteOrNull = (bound: number | null): number | null =>
  bound !== null && Number.isFinite(bound) ? bound : null;
