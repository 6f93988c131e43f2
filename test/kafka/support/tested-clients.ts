import { createRequire } from 'node:module';
import type { KafkaConnection } from '../../../src/kafka/client/connection.js';

type TestedClient = NonNullable<KafkaConnection['client']>;

const PACKAGE = '@confluentinc/kafka-javascript';

/** Why the tests do not run with Confluent's client; undefined if it can be loaded. */
export function missingConfluent(): string | undefined {
  try {
    createRequire(import.meta.url)(PACKAGE);
    return undefined;
  } catch {
    return `${PACKAGE} cannot be loaded: its tests are pending, those on Kafka run with kafkajs`;
  }
}

/** The client of this process: that of KAFKA_CLIENT, which the processes that it starts inherit, or KafkaJS. */
export function clientOfProcess(): TestedClient {
  return process.env.KAFKA_CLIENT === 'confluent' ? 'confluent' : 'kafkajs';
}

function testedClients(): TestedClient[] {
  if (process.env.KAFKA_CLIENT !== undefined) return [clientOfProcess()];
  return missingConfluent() === undefined ? ['kafkajs', 'confluent'] : ['kafkajs'];
}

/** Declares tests that run with each client: with that of KAFKA_CLIENT, or with all that are installed. */
export function describeWithClients(title: string, tests: (this: Mocha.Suite) => void): void {
  for (const client of testedClients()) {
    describe(client === 'kafkajs' ? title : `${title}, with ${client}`, function () {
      let former: string | undefined;
      before(() => {
        former = process.env.KAFKA_CLIENT;
        process.env.KAFKA_CLIENT = client;
      });
      after(() => {
        if (former === undefined) delete process.env.KAFKA_CLIENT;
        else process.env.KAFKA_CLIENT = former;
      });
      tests.call(this);
    });
  }
}
