import type { DescribedMessage, FleetDescription } from '../describe-fleet.js';
import { nameList, table } from './elements.js';
import { page } from './layout.js';
import { markup, type Content } from './markup.js';

/** The list of all message types, on one page, so that the browser can search it. */
export function messagesPage({ info, messages }: FleetDescription, baseUrl: string): string {
  const rows = messages.map((message) => rowOf(message, baseUrl));
  const body = markup`<main id="main" class="page">
<h1>Messages</h1>
<p>An event states what happened; any number of workers receive it. A command requests an action of one worker. All of them
are CloudEvents 1.0. Their type is the routing key.</p>
${table('All messages', ['Type', 'Kind', 'Versions', 'Sent by', 'Received by'], rows)}
</main>`;
  return page({ title: `Messages – ${info.title}`, baseUrl, current: '/docs/events', body });
}

function rowOf({ type, kind, versions, emittedBy, outside, readers }: DescribedMessage, baseUrl: string): Content[] {
  return [
    markup`<a href="${baseUrl}/docs/events/${type}"><code>${type}</code></a>`,
    kind,
    versions.map(({ version }) => version).join(', '),
    nameList([...emittedBy, ...outside], 'not declared'),
    nameList(readers, 'no worker'),
  ];
}
