import { cpSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './root.mjs';

const own = join(root, 'src', 'documents', 'static');
const swaggerUi = join(root, 'node_modules', 'swagger-ui-dist');
/** The bundle and the style of Swagger UI, and their licences (Apache-2.0, and those of packages in the bundle). */
const FILES = ['swagger-ui-bundle.js', 'swagger-ui-bundle.js.LICENSE.txt', 'swagger-ui.css', 'LICENSE', 'NOTICE'];

/** Copies the files that pages of the API load to dist/src/static: the release contains no packages. */
export function copyStaticFiles() {
  const target = join(root, 'dist', 'src', 'static');
  mkdirSync(target, { recursive: true });
  for (const name of readdirSync(own)) cpSync(join(own, name), join(target, name));
  for (const name of FILES) cpSync(join(swaggerUi, name), join(target, name.replace(/^(?=[A-Z])/, 'swagger-ui.')));
}
