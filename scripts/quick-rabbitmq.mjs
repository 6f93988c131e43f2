import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

/** What the nodes of tests run; the other plugins follow from these. */
const APPLICATIONS = ['rabbit', 'rabbitmq_prelaunch', 'rabbitmq_management', 'rabbitmq_prometheus', 'rabbitmq_mqtt'];
/** Erlang loads these from its own folders before all others. */
const LOADED_EARLY = /^(kernel|stdlib)-/;
/** The last name in the alphabet is the first folder in which Erlang looks for a module. */
const ALL_MODULES = 'zz_all_modules-0';

/** Writes a RabbitMQ of links to an installed one to `folder`, and returns its start script. A start takes 3.4 s of
 *  processor time in place of 5.8 s: RabbitMQ loads each module of each application, and Erlang looks for it in up to 90
 *  folders; here it is in the first one. Returns undefined if the installation has another form. */
export function quickRabbitmq(server, folder) {
  try {
    const scripts = dirname(realpathSync(server));
    const plugins = join(dirname(scripts), 'plugins');
    // the start script reads this file after RABBITMQ_HOME is set and before it is used
    const env = readFileSync(join(scripts, 'rabbitmq-env'), 'utf8');
    if (!/RABBITMQ_HOME=[^]*\. "\$RABBITMQ_CONF_ENV_FILE"[^]*ERL_LIBS="\$RABBITMQ_HOME\/plugins"/.test(env))
      return undefined;
    linkPlugins(plugins, join(folder, 'plugins'));
    return writeScripts(scripts, folder);
  } catch {
    return undefined;
  }
}

function linkPlugins(from, to) {
  const all = join(to, ALL_MODULES, 'ebin');
  mkdirSync(all, { recursive: true });
  for (const plugin of requiredPlugins(from)) {
    symlinkSync(join(from, plugin), join(to, plugin));
    linkModules(join(from, plugin, 'ebin'), all);
  }
  const erl = process.env.PATH.split(delimiter)
    .map((path) => join(path, 'erl'))
    .find(existsSync);
  const libraries = join(dirname(realpathSync(erl)), '..', 'lib');
  for (const library of readdirSync(libraries)) {
    const modules = join(libraries, library, 'ebin');
    if (!LOADED_EARLY.test(library) && existsSync(modules)) linkModules(modules, all);
  }
}

/** Returns the names of the folders of `APPLICATIONS` and of all applications that they need. */
function requiredPlugins(folder) {
  const folders = new Map(readdirSync(folder).map((name) => [name.replace(/-[^-]*$/, ''), name]));
  const found = new Set();
  const add = (application) => {
    const name = folders.get(application);
    if (name === undefined || found.has(name)) return; // a part of Erlang, or optional
    found.add(name);
    const text = readFileSync(join(folder, name, 'ebin', `${application}.app`), 'utf8');
    for (const [, list] of text.matchAll(/applications\s*,\s*\[([^\]]*)\]/g)) list.match(/\w+/g)?.forEach(add);
  };
  APPLICATIONS.forEach(add);
  return found;
}

function linkModules(from, to) {
  for (const name of readdirSync(from)) if (name.endsWith('.beam')) symlinkSync(join(from, name), join(to, name));
}

function writeScripts(from, folder) {
  const to = join(folder, 'sbin');
  mkdirSync(to);
  for (const name of readdirSync(from)) if (name !== 'rabbitmq-server') symlinkSync(join(from, name), join(to, name));
  const settings = join(folder, 'rabbitmq-env.conf');
  writeFileSync(settings, `. "$NODE_CONF_ENV_FILE"\nRABBITMQ_HOME='${folder}'\n`);
  const server = join(to, 'rabbitmq-server');
  const lines = [
    '#!/bin/sh',
    'export NODE_CONF_ENV_FILE="$RABBITMQ_CONF_ENV_FILE"',
    `export RABBITMQ_CONF_ENV_FILE='${settings}'`,
    `exec '${join(from, 'rabbitmq-server')}' "$@"`,
  ];
  writeFileSync(server, `${lines.join('\n')}\n`, { mode: 0o755 });
  return server;
}
