import type { OrderLine } from '#platform/fields.js';
import type { StockLevel } from '#platform/inventory/events.js';

/** A quantity of a SKU. */
export interface Quantity {
  sku: string;
  quantity: number;
}

/** The quantity of each SKU in an order, sorted by SKU: a SKU may occur in several lines. */
export function quantitiesOf(items: readonly Pick<OrderLine, 'sku' | 'quantity'>[]): Quantity[] {
  const sums = new Map<string, number>();
  for (const { sku, quantity } of items) sums.set(sku, (sums.get(sku) ?? 0) + quantity);
  return [...sums].map(([sku, quantity]) => ({ sku, quantity })).sort((a, b) => (a.sku < b.sku ? -1 : 1));
}

/** Why the quantities cannot be reserved; undefined if they can. */
export function shortage(stock: readonly StockLevel[], wanted: readonly Quantity[]): string | undefined {
  for (const { sku, quantity } of wanted) {
    const level = stock.find((candidate) => candidate.sku === sku);
    if (level === undefined) return `unknown SKU ${sku}`;
    const available = level.onHand - level.reserved;
    if (available < quantity) return `only ${available} of ${sku} available`;
  }
  return undefined;
}

/** The effect of a change on the levels of a SKU, per unit. */
interface Effect {
  onHand: -1 | 0 | 1;
  reserved: -1 | 0 | 1;
}

export const effects = {
  reserve: { onHand: 0, reserved: 1 },
  release: { onHand: 0, reserved: -1 },
  ship: { onHand: -1, reserved: -1 },
  /** The shipment was cancelled: the goods return to the stock. */
  returnToStock: { onHand: 1, reserved: 0 },
  adjust: { onHand: 1, reserved: 0 },
} as const satisfies Record<string, Effect>;

/** The levels of the changed SKUs after the change. An unknown SKU begins at 0. */
export function apply(stock: readonly StockLevel[], quantities: readonly Quantity[], effect: Effect): StockLevel[] {
  return quantities.map(({ sku, quantity }) => {
    const level = stock.find((candidate) => candidate.sku === sku) ?? { sku, onHand: 0, reserved: 0, version: 0 };
    return {
      sku,
      onHand: level.onHand + effect.onHand * quantity,
      reserved: level.reserved + effect.reserved * quantity,
      version: level.version + 1,
    };
  });
}
