import { baseCatalogue, catalogue, command, defineFleet, event, fromOutside, pii, rule } from 'flotilla';
import { z } from 'zod';

interface Comment {
  text: string;
  replies: Comment[];
}
const comment: z.ZodType<Comment> = z.lazy(() => z.strictObject({ text: z.string(), replies: z.array(comment) }));

/** Schemas that documents must not break on. */
export const oddTypes = catalogue(baseCatalogue, {
  'thread.opened': event({ 1: z.strictObject({ first: comment }) }),
  'point.moved': event({
    1: z.strictObject({ at: z.tuple([z.number(), z.number()]), tags: z.tuple([z.string()], z.int()) }),
  }),
  'any.happened': event({ 1: z.unknown() }),
  'script.ran': event({
    1: z.strictObject({ '<b>name</b>': z.literal('</script><script>alert(1)</script>'), 'it\'s "quoted"': z.string() }),
  }),
  'parcel.posted': fromOutside(
    event(
      {
        1: z.strictObject({ to: pii(z.email()), weight: z.int() }),
        2: z.strictObject({ to: pii(z.email()), weight: z.int(), unit: z.enum(['g', 'kg']) }),
        3: z.strictObject({
          to: pii(z.email()),
          grams: rule('whole', z.int().min(1), (grams) => grams > 0),
          note: z.string().optional(),
        }),
      },
      {
        1: (old) => ({ ...old, unit: 'g' }),
        2: ({ to, weight, unit }) => ({ to, grams: unit === 'g' ? weight : weight * 1000 }),
      },
      { readableFrom: { 2: 1 } },
    ),
    'https://carrier.example/a?b=<c>&d',
  ),
  'parcel.return': command({
    1: z.strictObject({
      id: z.string(),
      why: z.discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('broken'), photos: z.array(z.url()).max(3) }),
        z.strictObject({ kind: z.literal('late'), days: z.record(z.string(), z.int()) }),
      ]),
    }),
  }),
});

const reader = oddTypes.defineWorker({
  name: 'reader',
  emits: ['parcel.posted'],
  on: { '#': () => undefined, 'parcel.return': () => undefined },
});
const scales = oddTypes.defineWorker({ name: 'scales', on: { 'parcel.posted@1': () => undefined } });
const archive = oddTypes.defineWorker({ name: 'archive', from: 'log', on: { 'parcel.*': () => undefined } });

export const oddFleet = defineFleet({
  catalogue: oddTypes,
  workers: [reader, scales, archive],
  api: { store: 'core', emits: ['thread.opened'], routes: [] },
});
