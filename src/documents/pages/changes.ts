import { fieldOf } from '../../contracts/finding.js';
import type { Change } from '../../contracts/change.js';
import { compareSchemas } from '../../contracts/compare.js';
import type { Json } from '../../contracts/shape.js';
import type { JsonSchema } from '../../events/schema-fields.js';
import type { DescribedVersion } from '../describe-fleet.js';
import { json } from './elements.js';
import { markup, type Markup } from './markup.js';

/** The differences between two versions, by the rules of the gate, and data of the older one as readers receive them. */
export function changesBetween(before: DescribedVersion, after: DescribedVersion): Markup {
  const changes = compareSchemas(nodeOf(before.schema), nodeOf(after.schema)).map(lineOf);
  const [example] = before.examples;
  return markup`<h3>Version ${before.version} to ${after.version}</h3>
<ul>
${changes.length > 0 ? changes : markup`<li>The fields have the same schemas</li>\n`}</ul>
${example && pairOf(before.version, example)}
`;
}

function pairOf(version: number, { data, newest }: DescribedVersion['examples'][number]): Markup {
  return markup`<div class="pair">
<div><h4>Data of version ${version}</h4>${json(`Data of version ${version}`, data)}</div>
<div><h4>The same data, in the newest version</h4>${json(`Data of version ${version}, in the newest version`, newest)}</div>
</div>`;
}

function lineOf({ rule, steps, key, before, after }: Change): Markup {
  const field = fieldOf(steps, rule, key);
  return markup`<li><code>${field === '' ? 'data' : field}</code>: ${rule.replaceAll('-', ' ')}${[
    isPlain(before) && `, was ${JSON.stringify(before)}`,
    isPlain(after) && `, is ${JSON.stringify(after)}`,
  ]}</li>\n`;
}

const nodeOf = (schema: JsonSchema) => ({ schema, root: schema });

/** A schema is in the table of fields. */
const isPlain = (value: Json | undefined) => value !== undefined && (typeof value !== 'object' || value === null);
