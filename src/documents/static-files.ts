import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ApiDocument } from '../api/documents/api-document.js';
import { manifestPath } from '../files/library-manifest.js';

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  'pages.css': 'text/css; charset=utf-8',
  'swagger-ui.css': 'text/css; charset=utf-8',
  'http.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'http.js': 'text/javascript; charset=utf-8',
};

/** Where the files of pages are: in a checkout, and in the compiled library. `npm run build` copies them. */
const FOLDERS = ['src/documents/static', 'node_modules/swagger-ui-dist', 'dist/src/static'];

/** The files that the pages load. Each is read once, when it is requested. */
export function staticFiles(): ApiDocument[] {
  return Object.entries(CONTENT_TYPES).map(([name, contentType]) => {
    let content: Promise<Buffer> | undefined;
    return {
      path: `/docs/${name}`,
      contentType,
      cache: 'revalidate',
      content: () => (content ??= readFile(pathOf(name))),
    };
  });
}

function pathOf(name: string): string {
  const root = dirname(manifestPath());
  const paths = FOLDERS.map((folder) => join(root, folder, name));
  return paths.find((path) => existsSync(path)) ?? name;
}
