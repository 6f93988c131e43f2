/** The placeholder for the id of a device in a topic. */
const DEVICE = '{device}';

/** The ids of devices: they are one level of a topic, a routing key and a user of the broker. */
export const DEVICE_ID = /^[A-Za-z0-9_-]{1,64}$/;

/** Why a topic of `telemetry` cannot be used. */
export function topicProblem(topic: string): string | undefined {
  const levels = topic.split('/');
  if (levels.filter((level) => level === DEVICE).length !== 1) return `the topic ${topic} has not one level ${DEVICE}`;
  const isPlain = levels.every((level) => level === DEVICE || /^[a-z0-9_-]+$/.test(level));
  return isPlain ? undefined : `the topic ${topic} has another level than lower-case letters, digits and dashes`;
}

/** The topic of one device. */
export function topicOf(topic: string, device: string): string {
  return topic.replace(DEVICE, device);
}

/** The routing key of a topic of one device; with `*`, the pattern of all devices. The MQTT plugin replaces `/`. */
export function routingKeyOf(topic: string, device: string): string {
  return topicOf(topic, device).replaceAll('/', '.');
}

/** The topic and the device of a routing key; undefined if it belongs to none of the topics. */
export function deviceIn(topics: readonly string[], routingKey: string): { topic: string; device: string } | undefined {
  const words = routingKey.split('.');
  for (const topic of topics) {
    const levels = topic.split('/');
    const device = words[levels.indexOf(DEVICE)];
    if (device === undefined || !DEVICE_ID.test(device) || routingKeyOf(topic, device) !== routingKey) continue;
    return { topic, device };
  }
  return undefined;
}
