/** What the checks look at: as much of a file as could be opened, so that a refused model has its findings too. */
import type { Graph } from '../model/graph.ts';
import type { Model, ModelFile } from '../model/model.ts';
import { type ModelProto, normalDomain, toNumber } from '../model/proto.ts';

export interface Subject {
  /** The file's name, without its folder. */
  readonly name: string;
  /** External data are inlined where they could be read. */
  readonly proto: ModelProto;
  /** Version by domain; the default domain is ''. */
  readonly opsets: ReadonlyMap<string, number>;
  /** Null when the graph is refused (a cycle, a dangling name, a version). */
  readonly graph: Graph | null;
  /** Files read: the model, then its external data. */
  readonly files: readonly ModelFile[];
  /** What was changed at the user's request before anything else (--force-eval). */
  readonly modifications: readonly string[];
  /** What the user says pixels are multiplied by (--scale); null when not given. */
  readonly scale: number | null;
  /** Whether the user has pixels normalised in front of the model (--mean, --std). */
  readonly normalised: boolean;
}

export function subjectOf(
  name: string,
  proto: ModelProto,
  files: readonly ModelFile[],
  graph: Graph | null,
): Subject {
  const opsets = new Map((proto.opsetImport ?? []).map((o) => [normalDomain(o.domain), toNumber(o.version)]));
  return { name, proto, opsets, graph, files, modifications: [], scale: null, normalised: false };
}

/** The subject of a model that opened. */
export function subjectOfModel(
  model: Model,
  name: string,
  { scale = null, normalised = false }: Partial<Pick<Subject, 'scale' | 'normalised'>> = {},
): Subject {
  return {
    ...subjectOf(name, model.proto, model.files, model.graph),
    modifications: model.modifications ?? [],
    scale,
    normalised,
  };
}
