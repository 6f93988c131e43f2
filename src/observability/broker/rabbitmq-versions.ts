/** A finding about a version of RabbitMQ, for operators. */
export interface VersionFinding {
  /** `unusable`: the fleet does not work with it. */
  severity: 'unusable' | 'warning';
  detail: string;
}

const OLDEST = [3, 10] as const;
const SINGLE_ACTIVE_CONSUMER_FIXED = 6;

/** The known problems of this version. `hasOrdered`: whether the fleet has queues with a single active consumer. Sources: release notes of RabbitMQ; docs/operations/rabbitmq-versions.md. */
export function versionFindings(version: string, { hasOrdered }: { hasOrdered: boolean }): VersionFinding[] {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    const detail = `RabbitMQ ${version} is too old: retries need ${OLDEST.join('.')} or newer`;
    return [{ severity: 'unusable', detail }];
  }
  if (hasOrdered && major === 4 && minor === 3 && patch < SINGLE_ACTIVE_CONSUMER_FIXED) {
    return [
      {
        severity: 'warning',
        detail:
          `RabbitMQ ${version}: the partition of an ordered worker deadlocks once each of its consumers has hit the ` +
          `consumer timeout (rabbitmq-server #17317); upgrade to 4.3.${SINGLE_ACTIVE_CONSUMER_FIXED} or newer`,
      },
    ];
  }
  return [];
}

/** Whether consumers of a lost node keep their deliveries for some time (`consumer-disconnected-timeout`). */
export function holdsDeliveriesOfLostNodes(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return major > 4 || (major === 4 && minor >= 3);
}
