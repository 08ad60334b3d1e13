import type { Occurrence, Rule } from './finding.ts';
import type { Subject } from './subject.ts';

/** One question asked of a model file. Reads only; never throws on a file that protobuf could decode. */
export interface Check extends Rule {
  run(subject: Subject): Occurrence[];
}
