// The health check of a container, which runs one process: healthy if any of its possible ports responds.
const ports = [process.env.HEALTH_PORT, process.env.PORT ?? '3000', process.env.SANDBOX_PORT ?? '3001'];

const answers = await Promise.all(
  ports
    .filter((port) => port !== undefined && port !== '' && port !== '0')
    .map(async (port) => {
      try {
        return (
          await fetch(`http://127.0.0.1:${port}/livez`, { redirect: 'manual', signal: AbortSignal.timeout(3000) })
        ).ok;
      } catch {
        return false;
      }
    }),
);
process.exitCode = answers.includes(true) ? 0 : 1;
