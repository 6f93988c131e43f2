import { z } from 'zod';
import { showConfig, showSettings } from '../../src/config/show-config.js';
import { environment } from '../../src/config/schema.js';
import { variableOf } from '../../src/config/worker-settings.js';
import { typeText, type JsonSchema } from '../../src/events/schema-fields.js';
import type { Fleet } from '../../src/fleet/define-fleet.js';
import { workerDefinitionOf } from '../../src/worker/definition/worker-definition.js';
import { code, page, plain, table } from './markdown.js';

export function configurationPage(fleet: Fleet): string {
  return page(
    'Configuration',
    'src/config/schema.ts and the settings of the fleet',
    'Flotilla reads environment variables only. An empty variable counts as unset. `flotilla config show` prints the values in force; `flotilla doctor` checks them. Durations are written as `250ms`, `10s`, `5m`, `1h` or `7d`.',
    '## Variables of Flotilla',
    table(['variable', 'value', 'default', 'meaning'], variables()),
    '## Settings of a fleet',
    'Workers, the API and the sandbox declare settings of their own with a schema. A setting `pageSize` is read from `PAGE_SIZE`; text that the schema does not accept as text is read as JSON. A worker starts only with valid settings.',
    '## Settings of the example platform',
    'These belong to the shop in `platform/` and `workers/`, not to the library. In development, `up` sets the URLs to those of the sandbox.',
    table(['variable', 'of', 'value', 'default', 'meaning'], settings(fleet)),
  );
}

function variables(): string[][] {
  const defaults = new Map(showConfig({}).map(({ variable, value }) => [variable, value]));
  return Object.entries<z.ZodType>(environment.shape).map(([variable, type]) => [
    code(variable),
    plain(accepted(type)),
    code(defaults.get(variable) ?? ''),
    plain(type.description ?? ''),
  ]);
}

/** Values that a restricted variable rejects. */
const REFUSED = ['\n', '!'];

/** Returns the accepted values of a variable, from its error message: `must be a duration …`. */
function accepted(type: z.ZodType): string {
  const [message = ''] = REFUSED.flatMap((text) => z.safeParse(type, text).error?.issues ?? []).map(
    (issue) => issue.message,
  );
  return message.replace(/^must (be|name) /, '');
}

function settings(fleet: Fleet): string[][] {
  const owners: [string, z.ZodObject][] = [
    ...fleet.workers.map(workerDefinitionOf).map((worker): [string, z.ZodObject] => [worker.name, worker.settings]),
    ...(fleet.api === undefined ? [] : [['the API', fleet.api.settings] as [string, z.ZodObject]]),
    ...(fleet.sandbox === undefined ? [] : [['the sandbox', fleet.sandbox.settings] as [string, z.ZodObject]]),
  ];
  const defaults = new Map(
    showSettings(Object.fromEntries(owners), {}, {}).map(({ variable, value }) => [variable, value]),
  );
  return owners.flatMap(([owner, { shape }]) =>
    Object.entries<z.ZodType>(shape)
      .filter(([key]) => defaults.has(variableOf(key)))
      .map(([key, type]) => [
        code(variableOf(key)),
        owner,
        code(typeText(z.toJSONSchema(type, { io: 'input', unrepresentable: 'any' }) as JsonSchema)),
        code(defaults.get(variableOf(key)) ?? ''),
        plain(type.description ?? ''),
      ]),
  );
}
