import type { Fleet } from '../../src/fleet/define-fleet.js';
import { describeTypes, type DescribedType } from '../../src/fleet/describe-types.js';
import { code, page, plain, table } from './markdown.js';

export function eventsPage(fleet: Fleet): string {
  const types = describeTypes(fleet);
  const own = types.filter(({ type }) => isOfLibrary(type));
  const ofPlatform = types.filter(({ type }) => !isOfLibrary(type));
  return page(
    'Event types',
    'the catalogue of the fleet',
    '`flotilla events types` prints the same for your fleet. Fields are those of `data` in the latest version. A field marked *personal* is hidden by commands and never logged.',
    '## Types of every fleet',
    ...own.flatMap(section),
    '## Types of the example platform',
    ...ofPlatform.flatMap(section),
  );
}

const isOfLibrary = (type: string) => /^(message|saga)\./.test(type);

function section({ type, kind, version, emittedBy, handledBy, outside, fields }: DescribedType): string[] {
  const from = outside.length === 0 ? '' : ` Accepted from outside the fleet: ${outside.map(code).join(', ')}.`;
  return [
    `### ${type}`,
    `${kind === 'event' ? 'Event' : 'Command'}, version ${version}. Emitted by ${names(emittedBy, 'no service')}; handled by ${names(handledBy, 'no worker')}.${from}`,
    table(
      ['field', 'type', 'notes'],
      fields.map((field) => [
        code(field.path || '(the data)'),
        code(field.type),
        [field.required ? '' : 'optional', field.pii ? 'personal' : '', plain(field.description)]
          .filter((note) => note !== '')
          .join(', '),
      ]),
    ),
  ];
}

const names = (all: readonly string[], none: string) => (all.length === 0 ? none : all.map(code).join(', '));
