import { namesFor } from '../../../broker/topology/topology.js';
import { enabledWorkers } from '../../../runtime/fleet/enabled-workers.js';
import type { Context } from '../../shared/context.js';
import { answeringManagement } from './check-management.js';
import type { Finding } from './finding.js';

const GUIDE = 'see docs/guides/sensors.md';

/** For a fleet that receives messages of devices: whether the broker speaks MQTT, and has the exchange to which devices
 *  publish. Without the management API nothing is checked. */
export async function checkMqtt(context: Context): Promise<Finding[]> {
  const workers = enabledWorkers(await context.fleet(), context.config);
  const receivers = workers.filter(({ telemetry }) => telemetry !== undefined).map(({ name }) => name);
  if (receivers.length === 0) return [];
  const management = await answeringManagement(context);
  if (management === undefined) return [];
  const { telemetry } = namesFor(context.config.prefix);
  const [protocols, exchanges] = await Promise.all([management.protocols(), management.exchanges(telemetry)]);
  const hasExchange = exchanges.some(({ name }) => name === telemetry);
  const who = receivers.join(', ');
  return [
    protocols === undefined
      ? warning('not checked: the user of the management API needs the tag `monitoring`')
      : describeProtocols(protocols, who),
    ...(hasExchange ? [] : [warning(`no exchange ${telemetry}: start ${who}, or \`flotilla topology apply\``)]),
  ];
}

function describeProtocols(protocols: readonly string[], who: string): Finding {
  const found = protocols.filter((protocol) => protocol.startsWith('mqtt'));
  if (found.length > 0) return { ok: true, detail: `devices connect by ${found.join(', ')}` };
  const remedy = `set MQTT_PORT for \`up\`, or \`rabbitmq-plugins enable rabbitmq_mqtt\` on a broker of your own`;
  return warning(`the broker has no MQTT, so that ${who} receives nothing by it: ${remedy}; ${GUIDE}`);
}

function warning(detail: string): Finding {
  return { ok: true, warning: true, detail };
}
