import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The sections by reader. Each names its pages in order; a page of its folder that is not named follows, by title. */
const sections = [
  { text: 'Getting started', pages: ['getting-started', 'tour', 'concepts', 'guarantees'] },
  {
    text: 'Guides',
    folder: 'guides',
    pages: [
      'events',
      'workers',
      'aggregates',
      'http',
      'projections',
      'sagas',
      'dead-letters',
      'replay',
      'testing',
      'embedding',
      'publishing-from-other-languages',
      'kafka',
      'security',
    ],
  },
  {
    text: 'Operations',
    folder: 'operations',
    pages: [
      'deployment',
      'configuration',
      'monitoring',
      'runbook',
      'backup',
      'upgrades',
      'capacity',
      'logging',
      'rabbitmq-versions',
    ],
    more: ['benchmarks'],
  },
  {
    text: 'Reference',
    folder: 'reference',
    pages: ['cli', 'configuration', 'errors', 'metrics', 'http', 'events'],
    more: ['reference/api/index'],
  },
  { text: 'Architecture', pages: ['architecture', 'lifecycle'] },
  { text: 'Decisions', folder: 'decisions', pages: ['README'], collapsed: true },
  { text: 'Glossary', pages: ['glossary'] },
];

/** The sidebar: the pages that exist, so that a new page appears by itself. */
export function navigation(docs) {
  return sections.flatMap(({ text, folder, pages, more = [], collapsed = false }) => {
    const named = pages.map((page) => (folder === undefined ? page : `${folder}/${page}`));
    const others = folder === undefined ? [] : pagesIn(docs, folder).filter((page) => !named.includes(page));
    const items = [...named, ...others, ...more]
      .filter((page) => existsSync(join(docs, `${page}.md`)))
      .map((page) => ({ text: titleOf(join(docs, `${page}.md`)), link: `/${page.replace(/(README|index)$/, '')}` }));
    return items.length === 0 ? [] : [{ text, items, collapsed }];
  });
}

function pagesIn(docs, folder) {
  return readdirSync(join(docs, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${folder}/${name.slice(0, -'.md'.length)}`)
    .sort();
}

function titleOf(file) {
  return /^# (.+)$/m.exec(readFileSync(file, 'utf8'))?.[1].replaceAll('`', '') ?? file;
}
