import { describe, expect, it } from 'vitest';
import { utf8, utf8Text } from '../base/bytes.ts';
import { quietWorld, type QuietWorld } from './quiet/quiet.ts';
import { TlsFiles } from './tls-files.ts';
import { toyMaterial } from './toy-tls/toy-certificate.ts';

const names = { certificate: '/tls.crt', key: '/tls.key' };

async function write(world: QuietWorld, commonName: string): Promise<void> {
  const { certificate, key } = toyMaterial({ commonName, names: [], issuer: 'authority' });
  await world.disk.write(names.certificate, certificate as Uint8Array);
  await world.disk.write(names.key, key as Uint8Array);
}

describe('certificates in files', () => {
  it('are renewed when they are read again', async () => {
    const world = quietWorld();
    await write(world, 'old');
    const files = await TlsFiles.load(world, names);
    await write(world, 'new');
    expect(utf8Text(files.context().certificate as Uint8Array)).toContain('old');
    await files.reload();
    expect(utf8Text(files.context().certificate as Uint8Array)).toContain('new');
  });

  it('stay what they were if the new ones can not be used', async () => {
    const world = quietWorld();
    await write(world, 'old');
    const files = await TlsFiles.load(world, names);
    const before = files.context();
    await world.disk.write(names.key, utf8('half a key'));
    await expect(files.reload()).rejects.toMatchObject({ code: 'tls' });
    await world.disk.remove(names.key);
    await expect(files.reload()).rejects.toMatchObject({ code: 'notFound' });
    expect(files.context()).toBe(before);
  });

  it('that are not there are an error at the start', async () => {
    await expect(TlsFiles.load(quietWorld(), names)).rejects.toMatchObject({ code: 'notFound', path: '/tls.crt' });
  });
});
