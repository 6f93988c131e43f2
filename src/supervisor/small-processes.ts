/** V8: a young generation of 2 MiB instead of 16, and one thread for garbage collection and compilation. */
const NODE_OPTIONS = '--max-semi-space-size=2 --v8-pool-size=1';

/** Returns an environment in which Node.js processes that share a machine use less memory: about 25 % less at rest. Settings
 *  in `env` have priority. */
export function smallProcesses(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    // glibc otherwise keeps freed memory apart for each thread
    MALLOC_ARENA_MAX: '1',
    ...env,
    NODE_OPTIONS: [NODE_OPTIONS, env.NODE_OPTIONS].filter((options) => options !== undefined).join(' '),
  };
}
