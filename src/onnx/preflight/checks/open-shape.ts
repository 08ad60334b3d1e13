/** An input whose height, width or channels are open: which images the network was trained on is not in the file. */
import { declaredOf } from '../../model/build-graph.ts';
import { describeType } from '../../model/graph.ts';
import type { Check } from '../check.ts';

export const openShape: Check = {
  id: 'SPLITZ033',
  name: 'open-shape',
  severity: 'note',
  title: 'The input takes images of any size.',
  why: 'it is certified for the size of the data; a network trained on larger or smaller images runs, and is wrong more often',
  remedy: 'Check that the data have the size that the network was trained on.',
  run({ proto }) {
    const stored = new Set((proto.graph?.initializer ?? []).map((t) => t.name));
    return (proto.graph?.input ?? [])
      .filter((info) => !stored.has(info.name))
      .flatMap((info) => {
        const { type, shape } = declaredOf(info);
        if (shape === null || shape.slice(1).every((dim) => typeof dim === 'number')) return [];
        const shown = `input '${info.name ?? ''}'`;
        return [{ where: shown, what: `the ${shown} ${describeType(type, shape)} leaves its size open` }];
      });
  },
};
