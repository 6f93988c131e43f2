import { pii, textLine } from 'flotilla';
import { z } from 'zod';

/** An id of an aggregate: plain characters only, because it is part of subjects and URLs. */
export const id = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'an id is 1 to 64 letters, digits, dashes or underscores');

export const sku = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'a SKU is 1 to 64 letters, digits, dots, dashes or underscores');

/** The largest amount anywhere, far below the limit of exact integers. */
export const MAX_AMOUNT = 1_000_000_000_000;

/** Minor units of a currency. */
export const amount = z.int().min(0).max(MAX_AMOUNT);

/** An amount that is transferred: a whole number of minor units, above 0. */
export const movedAmount = z.int().min(1).max(MAX_AMOUNT);

/** ISO 4217. */
export const currency = z.string().regex(/^[A-Z]{3}$/, 'a currency is three capital letters, as in ISO 4217');

export const reason = textLine(500);

export const personName = textLine(200);
/** The length is checked first, so that the pattern never processes a longer text. */
export const email = z.string().max(254, { abort: true }).check(z.email());

export const orderLine = z.strictObject({
  sku,
  quantity: z.int().min(1).max(10_000),
  unitPrice: z.int().min(0).max(1_000_000_000),
});

export const shippingAddress = z.strictObject({
  name: pii(textLine(200)),
  line1: pii(textLine(200)),
  city: pii(textLine(100)),
  postalCode: pii(textLine(20)),
  country: textLine(60),
});

export const nextCursor = z.string().nullable().describe('The `cursor` of the next page; null after the last');

export type OrderLine = z.infer<typeof orderLine>;
export type ShippingAddress = z.infer<typeof shippingAddress>;
