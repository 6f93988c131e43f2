import type { FleetDescription } from '../describe-fleet.js';
import { page } from './layout.js';
import { markup } from './markup.js';

/** The page about the routes. Swagger UI fills it from openapi.json. */
export function httpPage({ info }: FleetDescription, baseUrl: string): string {
  const head = markup`<link rel="stylesheet" href="${baseUrl}/docs/swagger-ui.css">
<link rel="stylesheet" href="${baseUrl}/docs/http.css">
<script src="${baseUrl}/docs/swagger-ui-bundle.js" defer></script>
<script src="${baseUrl}/docs/http.js" defer></script>
`;
  const body = markup`<div id="http"></div>
<noscript><main class="page"><h1>HTTP</h1>
<p>This page needs JavaScript. <a href="${baseUrl}/openapi.json"><code>openapi.json</code></a> has the same content.</p>
</main></noscript>`;
  return page({ title: `HTTP – ${info.title}`, baseUrl, current: '/docs/http', head, body });
}
