import { markup, type Content } from './markup.js';

export interface Page {
  title: string;
  /** The path below which the API is mounted. */
  baseUrl: string;
  /** The path of the link in the navigation that leads here. */
  current: '/docs' | '/docs/events' | '/docs/http';
  /** Elements of the head besides the style of all pages. */
  head?: Content;
  body: Content;
}

const NAVIGATION = { '/docs': 'Overview', '/docs/events': 'Messages', '/docs/http': 'HTTP' } as const;

/** Returns a page with the navigation of all pages. */
export function page({ title, baseUrl, current, head, body }: Page): string {
  const links = Object.entries(NAVIGATION).map(([path, name]) => {
    const mark = path === current && markup` aria-current="page"`;
    return markup`<li><a href="${baseUrl}${path}"${mark}>${name}</a></li>`;
  });
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${baseUrl}/docs/pages.css">
${head}</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header><nav aria-label="Documents"><ul>${links}</ul></nav></header>
${body}
</body>
</html>
`.text;
}
