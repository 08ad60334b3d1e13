/** What one series of a run is about: the network behind the run's denoiser, or the network without it. */
import type { SeriesHeader } from '../records/record.ts';
import type { OpenedSubject } from './open-subject.ts';

export const subjectOf = (
  { denoised }: Pick<SeriesHeader, 'denoised'>,
  subject: OpenedSubject,
): OpenedSubject =>
  denoised === false ? { ...subject, classifier: subject.network, denoiser: null } : subject;
