/**
 * Findings as SARIF 2.1.0 (OASIS), for code scanning and CI: one rule per id, one result per finding, located in the model
 * file; the node or tensor is a logical location. Fingerprints do not depend on wording, so that a finding known from
 * one run is recognised in the next.
 */
import { createHash } from 'node:crypto';
import type { Finding, Severity } from '../../onnx/preflight/finding.ts';
import { RULES } from '../../onnx/preflight/registry.ts';

const level = (severity: Severity): 'error' | 'warning' | 'note' => severity;

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;

/**
 * @param uri the model file as the user named it, relative where it was
 * @param version of this tool
 */
export function sarifOf(findings: readonly Finding[], uri: string, version: string) {
  const used = RULES.filter(({ id }) => findings.some((finding) => finding.id === id));
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'splitz-onnx',
            version,
            rules: used.map(({ id, name, title, why, remedy, severity }) => ({
              id,
              name,
              shortDescription: { text: title },
              fullDescription: { text: `${sentence(why)}.` },
              help: { text: remedy },
              defaultConfiguration: { level: level(severity) },
            })),
          },
        },
        columnKind: 'utf16CodeUnits',
        results: findings.map(({ id, severity, where, what, why, remedy }) => ({
          ruleId: id,
          ruleIndex: used.findIndex((rule) => rule.id === id),
          level: level(severity),
          message: { text: `${sentence(what)}. ${sentence(why)}. ${remedy}` },
          locations: [
            {
              physicalLocation: { artifactLocation: { uri: uriOf(uri) } },
              logicalLocations: [{ fullyQualifiedName: where }],
            },
          ],
          partialFingerprints: {
            'splitz/v1': createHash('sha256')
              .update(JSON.stringify([id, where]))
              .digest('hex'),
          },
        })),
      },
    ],
  };
}

/** A path as a URI reference: forward slashes, characters that have a meaning in URIs escaped. */
const uriOf = (path: string): string =>
  path.replaceAll('\\', '/').split('/').map(encodeURIComponent).join('/');
