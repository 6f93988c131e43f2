import { filesOf, readCommitted } from '../../../contracts/committed.js';
import { outdatedFiles } from '../../../contracts/gate.js';
import type { MessageDefinition } from '../../../events/definition.js';
import type { Files } from './project.js';

/** The schemas and samples of a type whose definition is new or has a new version. */
export async function contractFilesOf(root: string, type: string, definition: MessageDefinition): Promise<Files> {
  return filesOf(outdatedFiles({ [type]: definition }, await readCommitted(root)));
}
