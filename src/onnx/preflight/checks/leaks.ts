/**
 * What exporters write into a file about the machine and the people that made it: stack traces (PyTorch's dynamo exporter
 * puts one on every node), paths of home folders, e-mail addresses. The texts themselves are not repeated in the finding,
 * since results are published.
 */
import { allGraphs, allNodes, describeNodeProto, type ModelProto } from '../../model/proto.ts';
import type { Check } from '../check.ts';
import type { Occurrence } from '../finding.ts';

interface Text {
  readonly where: string;
  readonly text: string;
}

interface Documented {
  readonly docString?: string | null;
  readonly metadataProps?: readonly { key?: string | null; value?: string | null }[] | null;
}

function* textsIn(proto: ModelProto): Generator<Text> {
  function* of(where: string, item: Documented): Generator<Text> {
    if (item.docString) yield { where: `doc_string of ${where}`, text: item.docString };
    for (const { key, value } of item.metadataProps ?? [])
      if (value) yield { where: `metadata '${key ?? ''}' of ${where}`, text: value };
  }
  yield* of('the model', proto);
  for (const graph of allGraphs(proto)) {
    yield* of(`the graph '${graph.name ?? ''}'`, graph);
    for (const t of graph.initializer ?? []) yield* of(`tensor '${t.name ?? ''}'`, t);
    for (const v of [...(graph.input ?? []), ...(graph.output ?? []), ...(graph.valueInfo ?? [])])
      yield* of(`value '${v.name ?? ''}'`, v);
  }
  for (const f of proto.functions ?? []) yield* of(`function '${f.name ?? ''}'`, f);
  for (const node of allNodes(proto)) yield* of(describeNodeProto(node), node);
}

// Texts are the file's and may be of any length: no pattern may take more than a few steps per character.
const stackTrace =
  /File "[^"\n]+", line \d+|Traceback \(most recent call last\)|\S\.py[(:]\d+|^[ \t]*at .+:\d+:\d+\)?$/m;
const path =
  /(?:^|[\s"'(=[:])\/(?:home|Users|root|mnt|opt|usr|data|workspace|tmp|var|srv|content|private|scratch)\/[^\s"']+|\b[A-Za-z]:\\[^\s"']+/;
const email = /[\w.+-]{1,64}@[A-Za-z\d-]{1,63}(?:\.[A-Za-z\d-]{1,63}){0,8}\.[A-Za-z]{2,63}/;

function leaking(proto: ModelProto, what: string, matches: (text: string) => boolean): Occurrence[] {
  const places = [...textsIn(proto)].filter(({ text }) => matches(text)).map(({ where }) => where);
  const [first] = places;
  if (first === undefined) return [];
  const more =
    places.length === 1 ? '' : ` and ${places.length - 1} more place${places.length === 2 ? '' : 's'}`;
  return [{ where: first, what: `${what} in the ${first}${more}` }];
}

const remedy =
  'Strip doc_string and metadata_props before the file is passed on; they change nothing it computes.';

export const stackTraceLeak: Check = {
  id: 'SPLITZ011',
  name: 'leaked-stack-trace',
  severity: 'warning',
  title: 'The file holds stack traces of the program that made it.',
  why: 'they show source files and folders of the vendor to everyone who has the model',
  remedy,
  run: ({ proto }) => leaking(proto, 'a stack trace', (text) => stackTrace.test(text)),
};

export const pathLeak: Check = {
  id: 'SPLITZ012',
  name: 'leaked-path',
  severity: 'warning',
  title: 'The file holds paths of the machine that made it.',
  why: 'they show user names and folders of the vendor to everyone who has the model',
  remedy,
  run: ({ proto }) => leaking(proto, 'a file path', (text) => path.test(text)),
};

export const emailLeak: Check = {
  id: 'SPLITZ013',
  name: 'leaked-email',
  severity: 'warning',
  title: 'The file holds e-mail addresses.',
  why: 'they are personal data, passed on with the model',
  remedy,
  run: ({ proto }) => leaking(proto, 'an e-mail address', (text) => email.test(text)),
};
