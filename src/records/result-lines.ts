/** The lines of a result file, judged and written: the envelope by `record.ts`, each series' part by its method's schemas. */
import {
  inSchemaOrder,
  type JsonSchema,
  object,
  optional,
  type Schema,
  violation,
} from '../ground/json-schema.ts';
import { normOf, normOfRun } from './norm.ts';
import {
  type CertificateRecord,
  certificate,
  end,
  RESULT_FORMAT,
  type RunEnd,
  type RunHeader,
  run,
  type SeriesHeader,
  setting,
} from './record.ts';
import type { SeriesFormat, SeriesFormats } from './series-format.ts';

/** What judges and writes the lines of one run. */
export interface ResultLines {
  /** What is wrong with a parsed first line, or null. */
  headerViolation(line: unknown): string | null;
  /** What is wrong with a parsed certificate line of the run of `header`, or null. */
  recordViolation(line: unknown, header: RunHeader): string | null;
  /** What is wrong with a parsed closing line, or null. */
  endViolation(line: unknown): string | null;
  /**
   * The bytes of a line, newline included, chain omitted: keys in schema order, numbers in full precision.
   * Throws a plain Error (a bug of ours) if the line breaks its schema.
   */
  lineOf(line: RunHeader | RunEnd): string;
  recordLine(record: CertificateRecord, header: RunHeader): string;
  /** A record with its keys in schema order at every depth. It is not judged. */
  recordInOrder(record: CertificateRecord, header: RunHeader): CertificateRecord;
}

/** The settings of a method as in a file: each with its origin. */
export function sourcedSettings({ settings }: SeriesFormat): JsonSchema {
  const { properties = {}, required = [] } = settings.json;
  const fields = Object.entries(properties).map(([name, json]): [string, Schema] => {
    const sourced = setting({ json });
    return [name, required.includes(name) ? sourced : optional(sourced)];
  });
  return object('Every setting, each with its origin.', Object.fromEntries(fields)).json;
}

export function resultLines(formats: SeriesFormats): ResultLines {
  const formatOf = ({ method }: SeriesHeader): SeriesFormat => {
    const format = formats(method);
    if (format === null) throw new Error(`a header with an unknown method '${method}' was let through`);
    return format;
  };
  const headerViolation = (line: unknown): string | null => {
    const shape = violation(run.json, line);
    if (shape !== null) return shape;
    const { series } = line as RunHeader;
    if (series.length === 0) return 'series: is empty';
    for (const [k, one] of series.entries()) {
      const format = formats(one.method);
      const where = `series[${k}]`;
      if (format === null) return `${where}.method: '${one.method}' is not a method of this version`;
      if (normOf(one) !== format.norm)
        return `${where}.norm: radii of ${one.method} are in ${format.norm}, not in ${normOf(one)}`;
      if (normOf(one) !== normOfRun({ series }))
        return `${where}.norm: radii in ${normOf(one)} in a run whose radii are in ${normOfRun({ series })}`;
      const problem =
        violation(sourcedSettings(format), one.settings, `${where}.settings`) ??
        violation(format.facts.json, one.facts, `${where}.facts`) ??
        violation(format.checks.json, one.checks, `${where}.checks`);
      if (problem !== null) return problem;
    }
    return null;
  };
  const recordViolation = (line: unknown, header: RunHeader): string | null => {
    const shape = violation(certificate.json, line);
    if (shape !== null) return shape;
    const { series, environment } = line as CertificateRecord;
    if (series.length !== header.series.length)
      return `series: ${series.length} verdicts, but the run has ${header.series.length} series`;
    if (environment >= header.environments.length)
      return `environment: is ${environment}, but the run has ${header.environments.length}`;
    for (const [k, one] of header.series.entries()) {
      const verdict = series[k];
      if (verdict === undefined) continue;
      const where = `series[${k}]`;
      if (verdict.prediction === null && verdict.radius !== 0)
        return `${where}.radius: is not 0 although it abstained`;
      const problem = violation(formatOf(one).evidence.json, verdict.evidence, `${where}.evidence`);
      if (problem !== null) return problem;
    }
    return null;
  };
  const recordInOrder = (record: CertificateRecord, header: RunHeader): CertificateRecord => {
    const series = record.series.map((verdict, k) => {
      const one = header.series[k];
      if (one === undefined) throw new Error('one verdict per series');
      return { ...verdict, evidence: ordered(formatOf(one).evidence.json, verdict.evidence) };
    });
    return inSchemaOrder(certificate.json, { ...record, series }) as CertificateRecord;
  };
  return {
    headerViolation,
    recordViolation,
    recordInOrder,
    endViolation: (line) => violation(end.json, line),
    lineOf(line) {
      const problem = line.kind === 'run' ? headerViolation(line) : violation(end.json, line);
      if (problem !== null) throw new Error(`a ${line.kind} line breaks its schema: ${problem}`);
      if (line.kind === 'end') return printed(inSchemaOrder(end.json, line));
      const series = line.series.map((one) => ({
        ...one,
        settings: ordered(sourcedSettings(formatOf(one)), one.settings),
        facts: ordered(formatOf(one).facts.json, one.facts),
        checks: ordered(formatOf(one).checks.json, one.checks),
      }));
      return printed(inSchemaOrder(run.json, { ...line, series }));
    },
    recordLine(record, header) {
      const problem = recordViolation(record, header);
      if (problem !== null) throw new Error(`a certificate line breaks its schema: ${problem}`);
      return printed(recordInOrder(record, header));
    },
  };
}

const ordered = (schema: JsonSchema, value: object): object => inSchemaOrder(schema, value) as object;
const printed = (line: unknown): string => `${JSON.stringify(line)}\n`;

/** The JSON Schema of one line, as published in `result.schema.json` (written by tools/build.mjs), for the methods listed. */
export function resultSchema(methods: readonly SeriesFormat[]) {
  const inSeries = (
    line: JsonSchema,
    parts: (format: SeriesFormat) => Record<string, JsonSchema>,
  ): JsonSchema => {
    const list = line.properties?.['series'];
    const items = list?.items;
    if (list === undefined || items === undefined) throw new Error('a line has series');
    const anyOf = methods.map((format) => ({
      ...items,
      properties: { ...items.properties, ...parts(format) },
    }));
    return { ...line, properties: { ...line.properties, series: { ...list, items: { anyOf } } } };
  };
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: RESULT_FORMAT,
    title: 'A line of a splitz-onnx result file (JSON lines)',
    anyOf: [
      inSeries(run.json, (format) => ({
        method: { const: format.name },
        settings: sourcedSettings(format),
        facts: format.facts.json,
        checks: format.checks.json,
      })),
      inSeries(certificate.json, (format) => ({ evidence: format.evidence.json })),
      end.json,
    ],
  } as const;
}
