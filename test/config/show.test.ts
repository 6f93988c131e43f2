import { expect } from 'chai';
import { environment } from '../../config/schema.js';
import { masked } from '../../config/secrets.js';
import { showConfig } from '../../config/show.js';

describe('config show', () => {
  it('lists every variable and where its value is from', () => {
    const shown = showConfig({ PORT: '4000' });
    expect(shown.map(({ variable }) => variable)).to.deep.equal(Object.keys(environment.shape));
    expect(shown).to.deep.include({ variable: 'PORT', value: '4000', from: 'environment' });
    expect(shown).to.deep.include({ variable: 'SANDBOX_PORT', value: '3001', from: 'default' });
  });

  it('masks tokens, and passwords inside URLs', () => {
    const text = JSON.stringify(
      showConfig({
        API_TOKEN: 'a-token-of-hunter2',
        AMQP_URL: 'amqp://user:hunter2@rabbit:5672/x?key=hunter2',
        DATABASE_URL: 'postgres://user:hunter2:@db/{service}',
      }),
    );
    expect(text).not.to.contain('hunter2');
    expect(text).to.contain('amqp://user:••••@rabbit:5672/x?key=••••');
  });

  it('masks by the name of the variable', () => {
    for (const name of ['GATEWAY_TOKEN', 'CLIENT_SECRET', 'SMTP_PASSWORD', 'SIGNING_KEY', 'TOKEN']) {
      expect(masked(name, 'hunter2'), name).not.to.contain('hunter2');
    }
    expect(masked('GATEWAY_URL', 'http://gateway')).to.equal('http://gateway');
  });
});
