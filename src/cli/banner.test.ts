import { describe, expect, it } from 'vitest';
import { banner } from './banner.js';

const server = { host: '127.0.0.1', port: 8000, models: ['a', 'b'], directories: ['/models'] };

describe('the banner', () => {
  it('says where the server listens and how to ask the first model', () => {
    const text = banner(server, 'linux');
    expect(text).toContain('is listening on http://127.0.0.1:8000\n');
    expect(text).toContain('models: a, b');
    expect(text).toContain('\nreference: http://127.0.0.1:8000/docs\n');
    expect(text).toContain(`-d '{"model":"a",`);
  });

  it('quotes for the command interpreter of Windows', () => {
    expect(banner(server, 'win32')).toContain(`-d "{\\"model\\":\\"a\\",`);
  });

  it('says where the key goes when one is asked for', () => {
    expect(banner({ ...server, asksForKey: true }, 'linux')).toContain(
      '-H "authorization: Bearer API_KEY" -H',
    );
    expect(banner(server)).not.toContain('authorization');
  });

  it('writes an IPv6 address in brackets', () => {
    expect(banner({ ...server, host: '::1' })).toContain('http://[::1]:8000');
  });

  it('says where it looked when there are no models', () => {
    expect(banner({ ...server, models: [] })).toContain('There are no GGUF files in /models yet.');
  });
});
