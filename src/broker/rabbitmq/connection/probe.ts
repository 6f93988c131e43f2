import '../decode-headers.js';
import { connect } from 'amqplib';
import { addressesOf } from './addresses.js';
import { causeOf, failureOfAll, type ConnectFailure } from './connect-failure.js';

const CONNECT_TIMEOUT_MS = 5000;
/** For a broker that has not answered before. */
const SILENT_TIMEOUT_MS = 1000;

/** Connects once to each node of a broker. Resolves with the failures; none if every node accepts connections. */
export async function probeBroker(
  urls: string,
  timeout = CONNECT_TIMEOUT_MS,
): Promise<{ nodes: number; failures: ConnectFailure[] }> {
  const nodes = addressesOf(urls);
  const failures = await Promise.all(nodes.map((url) => probeNode(url, timeout)));
  return { nodes: nodes.length, failures: failures.filter((failure) => failure !== undefined) };
}

/** Returns why no node of a broker has answered in time; undefined if one answers now. */
export async function causeOfSilence(urls: string): Promise<ConnectFailure | undefined> {
  const { nodes, failures } = await probeBroker(urls, SILENT_TIMEOUT_MS);
  return failures.length < nodes ? undefined : failureOfAll(failures);
}

async function probeNode(url: string, timeout: number): Promise<ConnectFailure | undefined> {
  try {
    const connection = await connect(url, { timeout });
    await connection.close();
    return undefined;
  } catch (error) {
    return causeOf(error, url);
  }
}
