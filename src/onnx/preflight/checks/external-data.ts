/**
 * Weights in files alongside the model: which, with their digests, and paths that lead out of the folder
 * (CVE-2022-25882).
 */
import { isUnsafeLocation } from '../../model/external-data.ts';
import { mapTensors } from '../../model/map-tensors.ts';
import { EXTERNAL } from '../../model/proto.ts';
import type { Check } from '../check.ts';
import { listed } from '../finding.ts';
import type { Subject } from '../subject.ts';

/** The locations the file names; none once its data are inlined. */
function locations({ proto }: Subject): string[] {
  const found = new Set<string>();
  mapTensors(proto, (tensor) => {
    if (tensor.dataLocation === EXTERNAL)
      found.add(tensor.externalData?.find((e) => e.key === 'location')?.value ?? '');
    return tensor;
  });
  return [...found];
}

export const unsafePath: Check = {
  id: 'SPLITZ006',
  name: 'unsafe-path',
  severity: 'error',
  title: 'External data are stored at an unsafe path.',
  why: 'a model that names files outside its own folder can read whatever the user may read',
  remedy: 'Do not use this file with any tool: get the model again from its author.',
  run(subject) {
    return locations(subject)
      .filter(isUnsafeLocation)
      .map((location) => ({ where: subject.name, what: `external data at ${JSON.stringify(location)}` }));
  },
};

export const externalData: Check = {
  id: 'SPLITZ007',
  name: 'external-data',
  severity: 'note',
  title: 'Weights are stored in files alongside the model.',
  why: 'the .onnx file alone is not the model: the digests of all its files identify it',
  remedy: 'Keep the files together, and compare both digests with what the vendor states.',
  run(subject) {
    const read = subject.files.slice(1).map(({ name, sha256 }) => `${name} (sha256 ${sha256})`);
    const names = read.length > 0 ? read : locations(subject).filter((l) => !isUnsafeLocation(l));
    return names.length === 0 ? [] : [{ where: subject.name, what: listed(names, 'data file') }];
  },
};
