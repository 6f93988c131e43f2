import type { ManagedBinding } from '../../../broker/rabbitmq/management/management.js';
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
  const [protocols, exchanges, bindings] = await Promise.all([
    management.protocols(),
    management.exchanges(telemetry),
    management.bindings(),
  ]);
  const hasExchange = exchanges.some(({ name }) => name === telemetry);
  const who = receivers.join(', ');
  return [
    protocols === undefined
      ? warning('not checked: the user of the management API needs the tag `monitoring`')
      : describeProtocols(protocols, who),
    ...(hasExchange ? [] : [warning(`no exchange ${telemetry}: start ${who}, or \`flotilla topology apply\``)]),
    ...describeExchange(bindings, telemetry),
  ];
}

function describeProtocols(protocols: readonly string[], who: string): Finding {
  const found = protocols.filter((protocol) => protocol.startsWith('mqtt'));
  if (found.length > 0) return { ok: true, detail: `devices connect by ${found.join(', ')}` };
  const remedy = `set MQTT_PORT for \`up\`, or \`rabbitmq-plugins enable rabbitmq_mqtt\` on a broker of your own`;
  return warning(`the broker has no MQTT, so that ${who} receives nothing by it: ${remedy}; ${GUIDE}`);
}

/** No API has the exchange of the plugin. The queue of a device that subscribes is bound to it. */
function describeExchange(bindings: readonly ManagedBinding[], telemetry: string): Finding[] {
  const subscriptions = bindings.filter(({ destination }) => destination.startsWith('mqtt-subscription-'));
  const wrong = subscriptions.find(({ source }) => source !== telemetry);
  if (wrong === undefined) return [];
  return [
    warning(`devices use the exchange ${wrong.source}: set mqtt.exchange = ${telemetry} on the broker; ${GUIDE}`),
  ];
}

function warning(detail: string): Finding {
  return { ok: true, warning: true, detail };
}
