/** The names of the operators: apart from the registry, whose declarations need the types of TensorFlow.js. */
import { OPERATORS } from './registry.ts';

/** Names of all supported operators, sorted. */
export const supportedTypes = (): string[] =>
  [...new Set(OPERATORS.flatMap(({ types }) => types)), 'Constant'].sort();
