import type { Data } from '#platform/catalogue.js';

export interface Mail {
  template: 'welcome' | 'order_confirmation' | 'status_update';
  subject: string;
  text: string;
}

export function welcome(name: string): Mail {
  return {
    template: 'welcome',
    subject: 'Welcome',
    text: `Dear ${name},\n\nyour account is ready. We are glad to have you.\n`,
  };
}

export function orderConfirmation(name: string, order: Data<'order.created'>): Mail {
  const price = (amount: number) => formatAmount(amount, order.currency);
  const lines = order.items.map(({ sku, quantity, unitPrice }) => `  ${quantity} x ${sku} at ${price(unitPrice)}`);
  return {
    template: 'order_confirmation',
    subject: `Your order ${order.orderId}`,
    text: `Dear ${name},\n\nwe have your order:\n\n${lines.join('\n')}\n\nTotal: ${price(order.total)}\n`,
  };
}

type NotifiedStatus = Exclude<Data<'order.status_changed'>['status'], 'pending' | 'stuck'>;

const sentences: Record<NotifiedStatus, string> = {
  reserved: 'Everything in your order is in stock and set aside for you.',
  paid: 'We have received your payment.',
  shipped: 'Your order is on its way.',
  rejected: 'We are sorry: not everything in your order is in stock, so that we cannot fulfil it. Nothing was charged.',
  payment_failed: 'We are sorry: your payment did not go through. Your order was not fulfilled.',
  shipment_failed: 'We are sorry: your order could not be shipped. What you paid is being refunded.',
  cancelled: 'Your order is cancelled. If you paid for it, you are being refunded.',
};

/** The mail about a new status; undefined for a status that does not concern the customer. */
export function statusUpdate(name: string, change: Data<'order.status_changed'>): Mail | undefined {
  const { orderId, status, trackingNumber, estimatedDelivery } = change;
  if (status === 'pending' || status === 'stuck') return undefined;
  const details = [
    ...(trackingNumber === undefined ? [] : [`Tracking number: ${trackingNumber}`]),
    ...(estimatedDelivery === undefined ? [] : [`Estimated delivery: ${estimatedDelivery}`]),
  ];
  const text = [`Dear ${name},`, sentences[status], ...(details.length > 0 ? [details.join('\n')] : [])].join('\n\n');
  return {
    template: 'status_update',
    subject: `Your order ${orderId}: ${status.replace('_', ' ')}`,
    text: `${text}\n`,
  };
}

/** By currency: creating a format takes 50 times as long as using it. */
const formats = new Map<string, Intl.NumberFormat>();

/** Formats minor units for display: 123456 USD is `$1,234.56`. */
function formatAmount(amount: number, currency: string): string {
  const format = formats.get(currency) ?? new Intl.NumberFormat('en', { style: 'currency', currency });
  formats.set(currency, format);
  const digits = format.resolvedOptions().maximumFractionDigits ?? 2;
  return format.format(amount / 10 ** digits);
}
