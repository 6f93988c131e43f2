import type { FleetDescription } from '../describe-fleet.js';
import { page } from './layout.js';
import { markup } from './markup.js';

/** The first page: what is documented, and where. */
export function overviewPage({ info, messages }: FleetDescription, baseUrl: string): string {
  const count = (kind: string) => messages.filter((message) => message.kind === kind).length;
  const paragraphs = info.description?.split(/\n{2,}/).map((paragraph) => markup`<p>${paragraph}</p>\n`);
  const body = markup`<main id="main" class="page">
<h1>${info.title}</h1>
<p>Version ${info.version}</p>
${paragraphs}<h2>To read</h2>
<ul>
<li><a href="${baseUrl}/docs/events">Messages</a>: ${count('event')} events and ${count('command')} commands, their versions, senders and receivers</li>
<li><a href="${baseUrl}/docs/http">HTTP</a>: the routes of the API, which you can try</li>
</ul>
<h2>For programs</h2>
<ul>
<li><a href="${baseUrl}/asyncapi.json"><code>/asyncapi.json</code></a>: the messages, as AsyncAPI 3.0</li>
<li><a href="${baseUrl}/openapi.json"><code>/openapi.json</code></a>: the routes, as OpenAPI 3.1</li>
<li><a href="${baseUrl}/schemas"><code>/schemas</code></a>: the JSON Schema of each version of each message</li>
</ul>
</main>`;
  return page({ title: info.title, baseUrl, current: '/docs', body });
}
