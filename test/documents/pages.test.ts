import { expect } from 'chai';
import { markup } from '../../src/documents/pages/markup.js';
import platformFleet from '../../config/fleet.js';
import { oddFleet } from './support/odd-fleet.js';
import { serveFleet } from './support/serve-fleet.js';

describe('the pages of a fleet', () => {
  const served: Awaited<ReturnType<typeof serveFleet>>[] = [];
  const serve = async (...options: Parameters<typeof serveFleet>) => {
    const site = await serveFleet(...options);
    served.push(site);
    const read = async (path: string) => {
      const answer = await fetch(site.url + path);
      return { status: answer.status, headers: answer.headers, text: await answer.text() };
    };
    return { ...site, read };
  };
  afterEach(async () => {
    for (const site of served.splice(0)) await site.close();
  });

  it('show every type and version of the catalogue, with its schema, senders and receivers', async () => {
    const { read } = await serve(platformFleet);
    const list = (await read('/docs/events')).text;
    for (const [type, { versions }] of Object.entries(platformFleet.catalogue.definitions)) {
      expect(list).to.include(`<a href="/docs/events/${type}">`);
      const { status, text } = await read(`/docs/events/${type}`);
      expect(status, type).to.equal(200);
      for (const version of Object.keys(versions)) {
        expect(text, type).to.include(`<a href="/schemas/${type}/${version}">`).and.include(`>Version ${version}</th>`);
      }
    }
    expect((await read('/docs/events/payment.process')).text)
      .to.include('A command')
      .and.match(/<td><code>order-choreography<\/code>, <code>order-saga<\/code><\/td><td><code>payment<\/code><\/td>/);
  });

  it('show the versions of a type side by side, with their differences and data of the older one', async () => {
    const { text } = await (await serve(oddFleet)).read('/docs/events/parcel.posted');
    const version = (number: number) => new RegExp(`<th scope="row">${number}</th>(.*)</tr>`).exec(text)?.[1];
    expect(version(1)).to.include('<code>reader</code>').and.include('scales as version 1');
    expect(version(2))
      .to.include('scales as version 1')
      .and.include('those of version 1 and later')
      .and.include('to version 3');
    expect(version(3)).not.to.include('scales');
    const row = (field: string) => new RegExp(`<th scope="row"><code>${field}</code></th>(.*)</tr>`).exec(text)?.[1];
    expect(row('to')).to.match(/^(<td><code>string, email<\/code>, personal<\/td>){3}$/);
    expect(row('unit')).to.match(
      /^<td>–<\/td><td><strong class="added">added<\/strong> .*<td><strong class="removed">/,
    );
    expect(row('note')).to.match(/^<td>–<\/td><td>–<\/td><td>.*added.*, optional<\/td>$/);
    expect(text)
      .to.include('<h3>Version 2 to 3</h3>')
      .and.include('<li><code>unit</code>: field removed required</li>');
    expect(text).to.match(/Data of version 1, in the newest version[^]*?&#34;grams&#34;: 0/);
  });

  it('say how to publish a message, as an argument that a shell reads as it is', async () => {
    const { read } = await serve(oddFleet);
    const { text } = await read('/docs/events/parcel.posted');
    expect(text).to.include('npx flotilla events publish parcel.posted &#39;{&#34;to&#34;:&#34;ada@example.org&#34;');
    expect(text).to.include('--source reader').and.include('--exchange events --routing-key parcel.posted');
    expect(text).to.include('It needs no signature from: <code>https://carrier.example/a?b=&#60;c&#62;&#38;d</code>');
    expect(text).to.include('&#34;source&#34;:&#34;https://carrier.example/a?b=&#60;c&#62;&#38;d&#34;');
    expect((await read('/docs/events/script.ran')).text)
      .to.include('it&#39;\\&#39;&#39;s \\&#34;quoted\\&#34;')
      .and.include('contract.unsigned');
  });

  it('link to each other below the path where the API is mounted', async () => {
    const { origin } = await serve(oddFleet, { mount: '/fleet' });
    const queue = ['/fleet/docs'];
    const seen = new Set(queue);
    for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
      const answer = await fetch(origin + path);
      expect(answer.status, path).to.equal(200);
      if (answer.headers.get('content-type')?.startsWith('text/html') !== true) continue;
      for (const [, target = ''] of (await answer.text()).matchAll(/(?:href|src)="(\/[^"]*)"/g)) {
        if (!seen.has(target)) queue.push(target);
        seen.add(target);
      }
    }
    expect([...seen]).to.include.members([
      '/fleet/docs/http',
      '/fleet/schemas/parcel.posted/3',
      '/fleet/asyncapi.json',
    ]);
    expect([...seen]).to.include.members(['/fleet/docs/pages.css', '/fleet/docs/swagger-ui-bundle.js']);
  });

  it('load their own style only, and scripts only about HTTP; an ETag saves the transfer', async () => {
    const { read, url } = await serve(oddFleet);
    const policy =
      "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src 'self'; img-src data:";
    for (const path of ['/docs', '/docs/events', '/docs/events/parcel.posted']) {
      expect((await read(path)).headers.get('content-security-policy'), path).to.equal(policy);
    }
    const { headers } = await read('/docs/http');
    expect(headers.get('content-security-policy')).to.equal(`${policy}; script-src 'self'; connect-src 'self'`);
    const etag = headers.get('etag') ?? '';
    for (const path of ['/docs/http', '/docs/swagger-ui-bundle.js']) {
      const tag = path === '/docs/http' ? etag : ((await read(path)).headers.get('etag') ?? '');
      const again = await fetch(url + path, { headers: { 'if-none-match': tag } });
      expect([again.status, again.headers.get('cache-control')], path).to.deep.equal([304, 'public, no-cache']);
    }
  });

  it('are 404 for an unknown type', async () => {
    const { status, text } = await (await serve(oddFleet)).read('/docs/events/parcel.lost');
    expect([status, (JSON.parse(text) as { code: string }).code]).to.deep.equal([404, 'schema.not_found']);
  });
});

describe('markup', () => {
  it('escapes values, and omits absent ones', () => {
    const given = `<b title="x">'&'</b>`;
    expect(markup`<i title="${given}">${[given, 1, markup`<br>`, undefined, null, false]}</i>`.text).to.equal(
      '<i title="&#60;b title=&#34;x&#34;&#62;&#39;&#38;&#39;&#60;/b&#62;">' +
        '&#60;b title=&#34;x&#34;&#62;&#39;&#38;&#39;&#60;/b&#62;1<br></i>',
    );
  });
});
