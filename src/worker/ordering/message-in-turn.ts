import type { EventEnvelope } from '../../events/envelope.js';
import type { Message } from '../pipeline/message.js';

/** A message in turn. */
export type MessageInTurn = Message & { turn: string; envelope: EventEnvelope };

export function isInTurn(message: Message): message is MessageInTurn {
  return message.turn !== undefined && message.envelope !== undefined;
}

/** A message with a number in the sequence of its key. */
export type NumberedMessage = MessageInTurn & { sequence: number };

export function isNumbered(message: MessageInTurn): message is NumberedMessage {
  return message.sequence !== undefined;
}
