import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Fields } from '../messages/amqp-fields.js';
import { HEADERS } from '../messages/headers.js';

interface Codec {
  decodeFields: (slice: Buffer) => Fields;
}

/**
 * Drops headers that amqplib cannot decode. amqplib decodes headers recursively: headers nested some thousand levels
 * deep exhaust the stack, which ends the connection; the broker delivers the message again, and the consumer never gets
 * past it. Here such headers are dropped as a whole, and the message is handled. amqplib has no hook for this, so its
 * decoder is wrapped before any other part of it is loaded: import this module first wherever amqplib is imported.
 */
const require = createRequire(import.meta.url);
const codec = require(join(dirname(require.resolve('amqplib')), 'lib', 'codec.js')) as Codec;
const { decodeFields } = codec;

codec.decodeFields = (slice) => {
  try {
    return decodeFields(slice);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { [HEADERS.dropped]: 'all headers: nested too deeply' };
  }
};
