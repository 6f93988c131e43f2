import { namesFor } from '../../broker/topology/topology.js';
import type { DescribedMessage, DescribedVersion, FleetDescription } from '../describe-fleet.js';
import { exampleEvent } from '../example-event.js';
import { changesBetween } from './changes.js';
import { json, nameList, table } from './elements.js';
import { fieldsByVersion } from './fields.js';
import { page } from './layout.js';
import { markup, type Content, type Markup } from './markup.js';
import { publishCommands } from './publish.js';

/** The page of one message type: its versions side by side, and how to send it. */
export function messagePage(fleet: FleetDescription, message: DescribedMessage, baseUrl: string): string {
  const { type, kind, versions } = message;
  const newest = versions.at(-1);
  const body = markup`<main id="main" class="page">
<h1><code>${type}</code></h1>
<p>${kind === 'event' ? 'An event' : 'A command'}, published to the exchange <code>${namesFor(fleet.prefix).events}</code> with its
type as routing key.</p>
<h2>Versions</h2>
${versionTable(message, baseUrl)}
<h2>Fields</h2>
${fieldsByVersion(versions)}
${changes(versions)}<h2>Example</h2>
${newest && exampleOf(message, newest)}
<h2>Publish</h2>
${newest && publishCommands(fleet, message, newest)}
</main>`;
  return page({ title: `${type} – ${fleet.info.title}`, baseUrl, current: '/docs/events', body });
}

function versionTable(message: DescribedMessage, baseUrl: string): Markup {
  const { type, versions, emittedBy, outside } = message;
  const newest = versions.at(-1)?.version;
  const rows = versions.map(({ version, dataschema, readers, readableFrom }): Content[] => [
    version,
    markup`<a href="${baseUrl}/schemas/${type}/${version}"><code>${dataschema}</code></a>`,
    version === newest
      ? nameList([...emittedBy, ...outside], 'not declared')
      : ['earlier releases', outside.length > 0 && ', ', nameList(outside, '')],
    nameList(
      readers.map(({ name, as }) => (as === newest ? name : `${name} as version ${as}`)),
      'no worker',
    ),
    version === newest ? 'none: it is the newest' : `to version ${version + 1}`,
    readableFrom === undefined ? 'no' : `those of version ${readableFrom} and later`,
  ]);
  return table(
    'Versions',
    ['Version', 'Schema', 'Sent by', 'Received by', 'Upcaster', 'Older readers may read it'],
    rows,
  );
}

function changes(versions: readonly DescribedVersion[]): Content {
  if (versions.length < 2) return undefined;
  const steps = versions.slice(1).map((after, index) => {
    const before = versions[index];
    return before && changesBetween(before, after);
  });
  return markup`<h2>Changes</h2>\n${steps}`;
}

function exampleOf(message: DescribedMessage, described: DescribedVersion): Content {
  const { version, examples } = described;
  const [example] = examples;
  if (example === undefined) return markup`<p>No data could be generated that version ${version} accepts.</p>`;
  return json(`Example of version ${version}`, exampleEvent(message, described, example.data));
}
