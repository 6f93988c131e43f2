import { http } from './sensors/http.js';
import { mqtt } from './sensors/mqtt.js';
import type { Bench } from './support/bench.js';

/** Readings of sensors by HTTP until their alerts, and by MQTT until they are stored. */
export const sensors: Bench = async (context) => [...(await http(context)), ...(await mqtt(context))];
