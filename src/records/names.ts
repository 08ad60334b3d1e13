/** Images and classes as people call them, wherever one is named: with the file's name, and the class's where they are known. */
import type { CertificateRecord, RunHeader } from './record.ts';

/** "3 (cat)", or "3" where classes have no names; a dash for none. */
export function classInWords(
  { classNames }: Pick<RunHeader['model'], 'classNames'>,
  k: number | null,
): string {
  if (k === null) return '–';
  const name = classNames?.[k];
  return name === undefined || name === String(k) ? String(k) : `${k} (${name})`;
}

/** "image 12 (cats/0001.png)", or "image 12" where it is not a file of its own. */
export const imageInWords = ({ index, name }: Pick<CertificateRecord, 'index' | 'name'>): string =>
  name === null ? `image ${index}` : `image ${index} (${name})`;
