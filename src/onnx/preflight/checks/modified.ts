/** The user's own changes (--force-eval): no longer the vendor's model, and every result must say so. */
import type { Check } from '../check.ts';
import { listed } from '../finding.ts';

export const modified: Check = {
  id: 'SPLITZ027',
  name: 'modified',
  severity: 'warning',
  title: 'The model was modified before it was certified.',
  why: 'the certificate applies to the modified model; the file as delivered computes something else',
  remedy: 'Ask the vendor for an export in evaluation mode.',
  run({ modifications, name }) {
    return modifications.length === 0 ? [] : [{ where: name, what: listed(modifications, 'change') }];
  },
};
