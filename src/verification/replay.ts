/** What a certificate drawn again differs in from the recorded one. Time aside, nothing should. */
import type { SmoothingCertificate } from '../records/record.ts';

/** Each difference, as "counts: [9900,…] recorded, [9901,…] drawn again". */
export function replayDifferences(recorded: SmoothingCertificate, again: SmoothingCertificate): string[] {
  const fields: (keyof SmoothingCertificate)[] = [
    ...(['selected', 'counts', 'nonFinite', 'prediction', 'abstained', 'correct', 'n0', 'n'] as const),
    ...([
      ...(['grid', 'tau', 'pA', 'pB', 'latentRadius'] as const),
      ...(['forwardError', 'forwardErrorNearby', 'displacementBound', 'displacement'] as const),
    ] as const),
    ...(['radius', 'localLipschitz', 'alphaTotal'] as const),
  ];
  return fields
    .map((field) => [field, JSON.stringify(recorded[field]), JSON.stringify(again[field])] as const)
    .filter(([, then, now]) => then !== now)
    .map(([field, then, now]) => `${field}: ${then} recorded, ${now} drawn again`);
}
