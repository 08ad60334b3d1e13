/** What a file says preflight found in the model, against what it finds here. */
import { basename } from 'node:path';
import type { Context } from '../methods/context.ts';
import type { RunHeader } from '../records/record.ts';
import { describeEnvironment } from './environment.ts';
import type { OpenedSubject } from './open-subject.ts';
import { environmentDifferences } from './reopen-subject.ts';
import { type Collected, mismatch } from './verify-outcome.ts';
import { packageVersion } from './version.ts';

/**
 * Whether nothing was left open. Another version or machine may find something else; then both are told.
 * @throws DoesNotHold where version and machine are the same, and the findings are not
 */
export function checkFindings(
  run: string,
  { findings, tool, environments, data, model }: RunHeader,
  subject: OpenedSubject,
  found: Collected,
  { resources }: Context,
): boolean {
  const listed = (all: readonly RunHeader['findings'][number][]): string[] =>
    all.map(({ id, severity, where, what }) => `${severity} ${id} at ${where}: ${what}`);
  // Folders and files may have other names here; their digests are compared.
  const { source } = subject.classifier;
  const places = [
    [subject.data.name, data.name],
    [basename(source.path), model.name],
    [basename(subject.denoiser?.source.path ?? ''), model.denoiser?.name ?? ''],
  ].filter(([here]) => here !== '');
  const named = (text: string): string =>
    places.reduce((now, [here = '', there = '']) => now.replaceAll(here, there), text);
  const [then, now] = [listed(findings), listed(subject.findings).map(named)];
  const gone = now.filter((text) => !then.includes(text));
  const invented = then.filter((text) => !now.includes(text));
  if (gone.length + invented.length === 0) {
    found.checked.push('what preflight found in the model');
    return true;
  }
  const why = [
    ...gone.map((text) => `not in the file: ${text}`),
    ...invented.map((text) => `only in the file: ${text}`),
  ].join('; ');
  const here = describeEnvironment(resources);
  const elsewhere = [
    ...(tool.version === packageVersion() ? [] : [`version: ${tool.version} then, ${packageVersion()} here`]),
    // The network alone, which findings come from, always runs on the CPU.
    ...environments
      .slice(0, 1)
      .flatMap((there) => environmentDifferences(there, { ...here, provider: there.provider })),
  ];
  if (elsewhere.length === 0)
    throw mismatch('the findings about the model do not hold', `${run}, line 1`, why);
  found.unchecked.push(`what preflight found in the model (${elsewhere.join('; ')}): ${why}`);
  return false;
}
