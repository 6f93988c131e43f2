import { dirname, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitepress';
import { slugOf } from '../../scripts/docs/links.mjs';
import { navigation } from './navigation.mjs';

const docs = dirname(dirname(fileURLToPath(import.meta.url)));
const sidebar = navigation(docs);

export default defineConfig({
  title: 'Flotilla',
  description: 'Event-driven workers on RabbitMQ',
  lang: 'en',
  cleanUrls: true,
  // `npm run check` checks links with their anchors
  ignoreDeadLinks: true,
  outDir: '../dist/docs',
  cacheDir: '../node_modules/.cache/vitepress',
  rewrites: (page) => page.replace(/README\.md$/, 'index.md'),
  // a link to a file of the repository outside of docs/ is text on the site
  markdown: {
    // a heading may contain {id}
    attrs: { disable: true },
    // the same anchors as on GitHub
    anchor: { slugify: slugOf },
    config: (markdown) => markdown.core.ruler.push('repository-links', unlinkRepositoryFiles),
  },
  themeConfig: {
    nav: sidebar.map(({ text, items: [first] }) => ({ text, link: first.link })),
    sidebar,
    outline: [2, 3],
    search: { provider: 'local' },
  },
});

/** Links that leave docs/ lead to files that the site does not have. */
function unlinkRepositoryFiles({ tokens, env }) {
  const depth = relative(docs, dirname(env.path ?? docs))
    .split('/')
    .filter(Boolean).length;
  for (const { children } of tokens) {
    let isOutside = false;
    for (const token of children ?? []) {
      if (token.type === 'link_open') {
        const up = /^(?:\.\.\/)+/.exec(token.attrGet('href') ?? '')?.[0].length ?? 0;
        isOutside = up / 3 > depth;
        if (isOutside) Object.assign(token, { type: 'html_inline', content: '', tag: '' });
      } else if (token.type === 'link_close' && isOutside) {
        Object.assign(token, { type: 'html_inline', content: '', tag: '' });
        isOutside = false;
      }
    }
  }
}
