import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import certificate from '../vectors/loopback-certificate.json' with { type: 'json' };
import { openDesk, until } from '../support/processes.ts';

const SPEC = join(import.meta.dirname, '..', '..', 'workflows', 'hospital-sum', 'workflow.json');

test('server, daemons and command line work over HTTPS, and not with whom they cannot trust', async () => {
  await using desk = await openDesk();
  const [cert, key] = [join(desk.directory, 'cert.pem'), join(desk.directory, 'key.pem')];
  await writeFile(cert, certificate.cert);
  await writeFile(key, certificate.key);
  const trust = { NODE_EXTRA_CA_CERTS: cert };
  const server = desk.start(['server', 'start', '--port', String(desk.port), '--tlscert', cert, '--tlskey', key]);
  await until(async () => (await desk.run(['server', 'status'], trust)).exitCode === 0, server.stderr);
  const distrustful = await desk.run(['server', 'status']);
  expect(distrustful.exitCode).toBe(1);
  expect(distrustful.stderr).toContain('check COLONIES_TLS and the certificate');
  const plain = await desk.run(['server', 'status', '--insecure'], trust);
  expect(plain.exitCode).toBe(1);
  desk.start(['executor', 'start', 'hospital', 'r1-hospital_executor', '55'], trust);
  desk.start(['executor', 'start', 'hospital', 'r2-hospital_executor', '5'], trust);
  desk.start(['executor', 'start', 'cloud'], trust);
  await desk.run(['keys', 'generate', '--bits', '2048']);
  // Waiting subscribes to events over WSS.
  const submitted = await desk.run(['workflow', 'submit', '--spec', SPEC, '--wait', '--json'], trust);
  expect(submitted.exitCode, submitted.stderr).toBe(0);
  const { resultProcessId }: { resultProcessId: string } = JSON.parse(submitted.stdout);
  const { stdout } = await desk.run(['decrypt', resultProcessId], trust);
  expect(stdout).toBe('The sum of all patient data is: 60\n');
});
