import { expect } from 'chai';
import { messageOf, stackOf } from '../../src/errors.js';
import { redact } from '../../src/text/redact.js';
import { adversarialTexts } from '../support/adversarial.js';

const secrets: Readonly<Record<string, [text: string, secret: string]>> = {
  'the password of a URL': ['cannot reach amqp://ada:hunter2@broker:5672/vhost', 'hunter2'],
  'the user of a URL': ['https://ada@example.org/x answered 500', 'ada@'],
  'a password with characters that should be encoded': ['postgres://ada:p/a?s#s@db/shop', 'a?s#s'],
  'passwords of several URLs': ['amqp://a:first1@h1,amqp://b:second2@h2', 'first1|second2'],
  'the query of a URL': ['GET https://pay.example/v1/charges?key=k123&mail=x failed', 'k123'],
  'the fragment of a URL': ['https://pay.example/#access_token=k123', 'k123'],
  'a bearer token': ['sent Authorization: Bearer abc.def-123', 'abc.def'],
  'a bearer token without its header': ['bearer 0123456789abcdef0 was refused', '0123456789abcdef'],
  'basic credentials': ['Basic YWRhOmh1bnRlcjI= was refused', 'YWRhOmh1bnRlcjI'],
  'a cookie': ['cookie: session=s3cr3t', 's3cr3t'],
  'a password in a form': ['body was user=ada&password=hunter2', 'hunter2'],
  'a token in JSON': ['{"card":{"token":"any thing 1"}}', 'any thing 1'],
  'a JSON Web Token': ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2ln is expired', 'eyJzdWIiOiJhZGEifQ'],
  'a payment token': ['tok_visa_4242 was declined', 'tok_visa'],
  'an email address': ['550 5.1.1 <ada.lovelace+shop@mail.example.org>: unknown', 'ada.lovelace'],
  'an international address': ['käthe@müller.example is unknown', 'käthe'],
  'an encoded address': ['/users/ada%40example.org is unknown', 'ada%40example'],
  'an address before a number': ['ada@example.org:550 no', 'ada@'],
  'a card number': ['card 4111111111111111 declined', '4111111111111111'],
  'a card number in groups': ['card 4111 1111 1111 1111, or 3782-822463-10005', '4111 1111|822463'],
  'text that JSON.parse quotes': [parseError('{"name": Ada Lovelace}'), 'Ada L'],
  'a short text that JSON.parse quotes completely': [parseError('Ada says "no"'), 'Ada'],
};

function parseError(text: string): string {
  try {
    JSON.parse(text);
  } catch (error) {
    return String(error);
  }
  throw new Error('it is JSON');
}

describe('redaction of error text', () => {
  for (const [what, [text, secret]] of Object.entries(secrets)) {
    it(`removes ${what}`, () => {
      expect(redact(text)).not.to.match(new RegExp(secret.replaceAll('?', '\\?')));
      expect(messageOf(new Error(text))).to.equal(redact(text));
      expect(stackOf(new Error(text))).not.to.match(new RegExp(secret.replaceAll('?', '\\?')));
    });
  }

  it('keeps details that help an operator', () => {
    for (const text of [
      'http://127.0.0.1:3001/gateway/charges answered 503',
      'node rabbit@node1.example.org is down',
      'payment@host.example.org:4711:a1b2c3 holds the lease',
      'event 01976e5c-1111-7aaa-8bbb-123456789abc at position 1764324606123',
      'UNIQUE constraint failed: users.email',
      'a bearer token is needed; basic authentication is not supported',
      'order.payment.token: Invalid input: expected string, received number',
      'connect ECONNREFUSED ::1:5672',
    ]) {
      expect(redact(text)).to.equal(text);
    }
  });

  it('is fast for any text of the maximum length', () => {
    const units = [
      'http://',
      'http://a:b',
      'bearer ',
      'a@',
      'a%40',
      '4 ',
      '4111 ',
      ', "',
      'token=',
      'eyJa.',
      '"token":"',
    ];
    const texts = [
      ...Object.values(adversarialTexts(20_000)).map((text) => `x=${text}`),
      ...units.map((unit) => unit.repeat(20_000 / unit.length)),
    ];
    for (const text of texts) {
      const since = process.cpuUsage();
      redact(text);
      expect(process.cpuUsage(since).user / 1000, text.slice(0, 20)).to.be.below(1000);
    }
  });
});
