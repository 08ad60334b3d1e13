/** One image's certificate, from a certifier that takes images as a stream. */
import type { Context } from '../methods/context.ts';
import type { Certificate, Certifier, Image } from '../methods/method.ts';

async function* only(image: Image): AsyncGenerator<Image> {
  yield image;
}

/** @throws the signal's reason when aborted */
export async function certifyImage<E extends object>(
  certifier: Certifier<E>,
  image: Image,
  context: Context,
): Promise<Certificate<E>> {
  for await (const certificate of certifier.certify(only(image), context)) return certificate;
  throw new Error('a certifier ended before its images');
}
