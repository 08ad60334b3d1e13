/** Distributions of noise: normal, or uniform on [-lambda, lambda] in every coordinate. */
export type NoiseKind = 'gaussian' | 'uniform';
