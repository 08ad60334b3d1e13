/**
 * The seed of the noise, unless somebody chose one: drawn from the operating system. A network can be made for the noise of a
 * seed that its maker knows (a linear map that gives 1 on all of 2,000 draws has a norm below 1/2), so a default that is
 * written down anywhere would make every failure probability worthless.
 */
import { randomBytes } from 'node:crypto';

/**
 * A fresh seed of 53 bits, which a JSON number holds exactly: a network made for k of them passes with probability
 * k / 2^53. Not for `training`, where no certificate rests on the seed.
 */
export const drawnSeed = (): number => Number(randomBytes(8).readBigUInt64BE() >> 11n);
