import '../decode-headers.js';
import { connect } from 'amqplib';
import { addressesOf } from './addresses.js';
import { causeOf, type ConnectFailure } from './connect-failure.js';

const CONNECT_TIMEOUT_MS = 5000;

/** Connects once to each node of a broker. Resolves with the failures; none if every node accepts connections. */
export async function probeBroker(urls: string): Promise<{ nodes: number; failures: ConnectFailure[] }> {
  const nodes = addressesOf(urls);
  const failures = await Promise.all(nodes.map(probeNode));
  return { nodes: nodes.length, failures: failures.filter((failure) => failure !== undefined) };
}

async function probeNode(url: string): Promise<ConnectFailure | undefined> {
  try {
    const connection = await connect(url, { timeout: CONNECT_TIMEOUT_MS });
    await connection.close();
    return undefined;
  } catch (error) {
    return causeOf(error, url);
  }
}
