/** How a record computed again differs from the recorded one. Apart from times, nothing should. */
import type { CertificateRecord, SeriesCertificate } from '../records/record.ts';

/** Each difference, as "counts: [9900,…] recorded, [9901,…] computed again". Everything in a certificate is compared. */
export const certificateDifferences = (recorded: SeriesCertificate, again: SeriesCertificate): string[] =>
  differences(fieldsOf(recorded), fieldsOf(again));

/** What a record states of the image itself, for all series alike. */
export type ImageFacts = Pick<CertificateRecord, 'sha256' | 'answer'>;

/** The same for what a record states of its image. */
export const imageDifferences = (recorded: ImageFacts, { sha256, answer }: ImageFacts): string[] =>
  differences({ sha256: recorded.sha256, answer: recorded.answer }, { sha256, answer });

/** A certificate's fields, and those of its evidence by their names. */
function fieldsOf({ seconds: _, evidence, ...verdict }: SeriesCertificate): object {
  const named = Object.entries(evidence).map(([field, value]) => [`evidence.${field}`, value]);
  return { ...verdict, ...Object.fromEntries(named) };
}

/** Of any two objects, field by field. */
export function differences(recorded: object, again: object): string[] {
  const text = (fields: object): Map<string, string> =>
    new Map(Object.entries(fields).map(([field, value]) => [field, JSON.stringify(value)]));
  const [then, now] = [text(recorded), text(again)];
  return [...new Set([...then.keys(), ...now.keys()])]
    .filter((field) => then.get(field) !== now.get(field))
    .map((field) => `${field}: ${then.get(field)} recorded, ${now.get(field)} computed again`);
}
