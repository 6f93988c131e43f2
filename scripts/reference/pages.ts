import fleet from '../../config/fleet.js';
import { cliPage, program } from './cli.js';
import { configurationPage } from './configuration.js';
import { errorsPage } from './errors.js';
import { eventsPage } from './events.js';
import { httpPage } from './http.js';
import { metricsPage } from './metrics.js';
import { schemaRulesPage } from './schema-rules.js';

/** Returns the generated pages of docs/reference/ by file name. Needs no broker and no other process. */
export async function referencePages(): Promise<Readonly<Record<string, string>>> {
  return {
    'cli.md': cliPage(await program()),
    'configuration.md': configurationPage(fleet),
    'errors.md': errorsPage(),
    'events.md': eventsPage(fleet),
    'http.md': httpPage(fleet),
    'metrics.md': metricsPage(),
    'schema-rules.md': schemaRulesPage(),
  };
}
