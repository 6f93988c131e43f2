import { FlotillaError } from '../../errors.js';

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9._-]*$/;
const MAX_LENGTH = 249;

/** Throws `fleet.invalid` unless Kafka accepts these names, alone and beside each other. Its metrics replace dots by
 *  underscores, so two names may not differ by that alone. */
export function checkTopicNames(names: Iterable<string>): void {
  const known = new Map<string, string>();
  for (const name of names) {
    if (!NAME.test(name) || name.length > MAX_LENGTH) {
      const detail = `${JSON.stringify(name.slice(0, 100))} is not a valid Kafka topic`;
      const rule = `letters, digits, dots, dashes and underscores, at most ${MAX_LENGTH}, the first a letter or digit`;
      throw new FlotillaError('fleet.invalid', `${detail}: ${rule}`);
    }
    const collision = name.replaceAll('.', '_');
    const other = known.get(collision);
    if (other !== undefined && other !== name) {
      throw new FlotillaError(
        'fleet.invalid',
        `the Kafka topics ${other} and ${name} collide: dots count as underscores`,
      );
    }
    known.set(collision, name);
  }
}
