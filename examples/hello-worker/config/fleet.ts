import { defineFleet } from 'flotilla';
import { platform } from '../platform/catalogue.ts';
import * as workers from '../workers/index.ts';

export default defineFleet({
  catalogue: platform,
  workers: Object.values(workers),
  banner: () => ({ Try: `npx flotilla events publish visitor.arrived '{"name": "Ada"}'` }),
});
