import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { credentialsOf, hostOf, vhostOf } from './addresses.js';

/** The result of opening a connection. amqplib does not report the text of a refusal after the login. */
export type HandshakeEnd =
  | { kind: 'opened' }
  /** It answered in another protocol, with these first bytes (printable characters only). */
  | { kind: 'foreign'; beginning: string }
  /** It closed with this reply, such as 530 `NOT_ALLOWED - vhost x not found`. */
  | { kind: 'refused'; code: number; text: string }
  /** It closed the socket, or sent nothing within the limit. */
  | { kind: 'silent' };

const PROTOCOL_HEADER = Buffer.from('AMQP\0\0\x09\x01', 'latin1');
const FRAME_METHOD = 1;
const FRAME_END = 0xce;
const CONNECTION = 10;
const START = 10;
const START_OK = 11;
const TUNE = 30;
const TUNE_OK = 31;
const OPEN = 40;
const OPEN_OK = 41;
const CLOSE = 50;
const NOTHING_MORE = 0;
/** Class and method; in a close, a reply code and the length of its text follow. */
const SHORTEST_METHOD = 4;
const SHORTEST_CLOSE = 7;
/** Sent after a delay, because servers that wait for a line, such as HTTP servers, answer only then. */
const END_OF_LINE = '\r\n\r\n';
const PROMPT_DELAY_MS = 500;
/** No method of a handshake is longer. */
const MOST_BYTES = 65_536;

/** Opens a connection to one node until it is open or refused, then drops it. Settles within `limit` milliseconds
 *  and never rejects. */
export function tryHandshake(url: string, limit: number): Promise<HandshakeEnd> {
  return new Promise((resolve) => {
    const socket = open(url);
    let received = Buffer.alloc(0);
    const end = (how: HandshakeEnd) => {
      clearTimeout(timer);
      clearTimeout(prompt);
      socket.destroy();
      resolve(how);
    };
    const timer = setTimeout(() => end({ kind: 'silent' }), limit);
    const prompt = setTimeout(() => {
      if (received.length === 0) socket.write(END_OF_LINE);
    }, PROMPT_DELAY_MS);
    socket.on('error', () => end({ kind: 'silent' }));
    socket.on('close', () => end({ kind: 'silent' }));
    socket.once(url.startsWith('amqps:') ? 'secureConnect' : 'connect', () => socket.write(PROTOCOL_HEADER));
    socket.on('data', (data) => {
      received = Buffer.concat([received, data]);
      if (received[0] !== FRAME_METHOD || received.length > MOST_BYTES) {
        end({ kind: 'foreign', beginning: printable(received) });
        return;
      }
      for (let frame = firstFrame(received); frame !== undefined; frame = firstFrame(received)) {
        received = received.subarray(frame.size);
        const how = answer(frame.payload, url, (method) => socket.write(method));
        if (how !== undefined) {
          end(how);
          return;
        }
      }
    });
  });
}

function open(url: string): Socket {
  const at = hostOf(url);
  const port = Number(at.slice(at.lastIndexOf(':') + 1));
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
  if (!url.startsWith('amqps:')) return connectTcp({ host, port });
  return connectTls({ host, port, ...(isIP(host) === 0 && { servername: host }) });
}

function firstFrame(bytes: Buffer): { payload: Buffer; size: number } | undefined {
  if (bytes.length < 8) return undefined;
  const size = 7 + bytes.readUInt32BE(3) + 1;
  return bytes.length < size ? undefined : { payload: bytes.subarray(7, size - 1), size };
}

/** Returns the end of the handshake; undefined if it continues with the reply sent here. */
function answer(payload: Buffer, url: string, send: (frame: Buffer) => void): HandshakeEnd | undefined {
  if (payload.length < SHORTEST_METHOD) return { kind: 'silent' };
  const method = payload.readUInt16BE(0) === CONNECTION ? payload.readUInt16BE(2) : NOTHING_MORE;
  if (method === START) {
    const { user, password } = credentialsOf(url);
    const noProperties = Buffer.alloc(4);
    send(frameOf(START_OK, noProperties, short('PLAIN'), long(`\0${user}\0${password}`), short('en_US')));
    return undefined;
  }
  if (method === TUNE) {
    send(frameOf(TUNE_OK, payload.subarray(4)));
    send(frameOf(OPEN, short(vhostOf(url)), short(''), Buffer.of(0)));
    return undefined;
  }
  if (method === OPEN_OK) return { kind: 'opened' };
  if (method !== CLOSE || payload.length < SHORTEST_CLOSE) return { kind: 'silent' };
  const length = payload.readUInt8(6);
  return { kind: 'refused', code: payload.readUInt16BE(4), text: payload.toString('utf8', 7, 7 + length) };
}

function frameOf(method: number, ...fields: Buffer[]): Buffer {
  const payload = Buffer.concat([Buffer.of(0, CONNECTION, 0, method), ...fields]);
  const head = Buffer.alloc(7);
  head.writeUInt8(FRAME_METHOD, 0);
  head.writeUInt32BE(payload.length, 3);
  return Buffer.concat([head, payload, Buffer.of(FRAME_END)]);
}

function short(text: string): Buffer {
  const bytes = Buffer.from(text).subarray(0, 255);
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}

function long(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function printable(bytes: Buffer): string {
  return bytes
    .toString('latin1', 0, 40)
    .replace(/[^ -~]+/g, ' ')
    .trim();
}
