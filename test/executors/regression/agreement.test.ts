import { createPublicKey } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { generateIdentity } from '../../../colony/identity.ts';
import { dealShares, proveModulus, publicKeyFromModulus } from '../../../crypto/paillier/index.ts';
import {
  createHalf,
  drawGroupSeed,
  halfText,
  keyText,
  padSeeds,
  pairSeed,
  readHalf,
  readKey,
  sealFor,
  signText,
  unseal,
} from '../../../executors/regression/agreement.ts';
import { contextOf } from '../../../executors/regression/contexts.ts';
import { encodeMessage, KeyMessage } from '../../../executors/regression/messages.ts';
import { readParameters } from '../../../executors/regression/parameters.ts';
import { Pads } from '../../../executors/regression/pads.ts';
import { readShare, shareTextFor } from '../../../executors/regression/shares.ts';
import { testKeyPair, unfitPrimes } from '../../support/keys.ts';
import { at } from '../../support/regression.ts';

const NAMES = ['x1', 'x2', 'x3'];
const wire = {
  run: 'r',
  label: 'y',
  features: NAMES.map((name) => ({ name, columns: 1 })),
  rows: 100,
  model: 'linear',
  alpha: 0.1,
  iterations: 5,
  keyBits: 512,
};
const parameters = readParameters(wire);
const otherRun = readParameters({ ...wire, run: 's' });
const { publicKey, privateKey } = await testKeyPair(512);

/** A party with its key of the run and its identity. */
function party(name: string) {
  return { party: name, identity: generateIdentity(), ...createHalf() };
}

const [first, second, third] = [party('x1'), party('x2'), party('x3')];

describe('halves', () => {
  test('give two parties the same seed, and nobody else', () => {
    const text = halfText(parameters, 'x2', second, second.identity);
    const read = readHalf(parameters, 'x2', text, second.identity.id);
    expect(read).toEqual({ party: 'x2', publicHalf: new Uint8Array(second.publicHalf) });
    const seed = pairSeed(parameters, first, read);
    expect(pairSeed(parameters, second, first)).toEqual(seed);
    expect(pairSeed(parameters, third, first)).not.toEqual(seed);
    expect(pairSeed(otherRun, first, read)).not.toEqual(seed);
  });

  test('that another identity signed, or that are of another run or party, are refused', () => {
    const text = halfText(parameters, 'x2', second, first.identity);
    const forged = expect.objectContaining({ code: 'BAD_SIGNATURE' });
    expect(() => readHalf(parameters, 'x2', text, second.identity.id)).toThrow(forged);
    const good = halfText(parameters, 'x2', second, second.identity);
    const changed = good.replace(/"signature":"../, '"signature":"00');
    expect(() => readHalf(parameters, 'x2', changed, second.identity.id)).toThrow(forged);
    expect(() => readHalf(otherRun, 'x2', good, second.identity.id)).toThrow(
      expect.objectContaining({ code: 'WRONG_RUN' }),
    );
    expect(() => readHalf(parameters, 'x1', good, second.identity.id)).toThrow(
      expect.objectContaining({ code: 'WRONG_PARTY' }),
    );
    expect(() => readHalf(parameters, 'x2', '{}', second.identity.id)).toThrow(
      expect.objectContaining({ code: 'BAD_MESSAGE' }),
    );
  });

  test('of low order are refused, because everybody would know the secret', () => {
    const zero = { party: 'x2', publicHalf: new Uint8Array(32) };
    expect(() => pairSeed(parameters, first, zero)).toThrow(expect.objectContaining({ code: 'BAD_MESSAGE' }));
  });

  test('have the form of RFC 8410, which other tools read', () => {
    const der = Buffer.concat([Buffer.from('302a300506032b656e032100', 'hex'), first.publicHalf]);
    expect(createPublicKey({ key: der, format: 'der', type: 'spki' }).asymmetricKeyType).toBe('x25519');
  });
});

test('a public key is read with its maker and length checked', async () => {
  const text = await keyText(parameters, 'y', privateKey, first.identity);
  expect((await readKey(parameters, 'y', text, first.identity.id)).n).toBe(publicKey.n);
  await expect(readKey(parameters, 'y', text, second.identity.id)).rejects.toMatchObject({ code: 'BAD_SIGNATURE' });
  const { privateKey: longer } = await testKeyPair(1024);
  const other = await keyText(parameters, 'y', longer, first.identity);
  await expect(readKey(parameters, 'y', other, first.identity.id)).rejects.toMatchObject({ code: 'WRONG_KEY' });
});

test('a public key whose maker cannot prove that masks cover everything under it is refused', async () => {
  const context = contextOf(parameters, { round: 'key', iteration: 0, attempt: 0, party: 'y' });
  const proof = await proveModulus(privateKey);
  const { p, q } = unfitPrimes(512);
  const unfit = publicKeyFromModulus(p * q, { minimumBits: 512 });
  for (const [key, proven] of [
    [publicKey, new Uint8Array(proof.length)],
    [publicKey, proof.map((byte, index) => (index === 100 ? byte ^ 1 : byte))],
    [publicKey, proof.subarray(1)],
    [unfit, proof],
  ] as const) {
    const message = { v: 1, kind: 'key', context, publicKey: key, proof: proven } as const;
    const text = signText(encodeMessage(KeyMessage, message), first.identity);
    await expect(readKey(parameters, 'y', text, first.identity.id)).rejects.toMatchObject({ code: 'WRONG_KEY' });
  }
});

describe('what is sealed', () => {
  const seed = pairSeed(parameters, first, second);
  const secret = drawGroupSeed();
  const text = sealFor(parameters, 'seed', 'x1', { party: 'x2', seed }, secret);

  test('is read by its recipient, and each time sealed differently', () => {
    expect(Buffer.from(unseal(parameters, 'seed', { party: 'x1', seed }, 'x2', text))).toEqual(Buffer.from(secret));
    expect(sealFor(parameters, 'seed', 'x1', { party: 'x2', seed }, secret)).not.toBe(text);
  });

  test('is refused when it was changed, or is for somebody else', () => {
    const forged = expect.objectContaining({ code: 'BAD_SIGNATURE' });
    const otherSeed = pairSeed(parameters, third, second);
    expect(() => unseal(parameters, 'seed', { party: 'x1', seed: otherSeed }, 'x2', text)).toThrow(forged);
    const changed = text.replace(/"sealed":"./, (match) => (match.endsWith('A') ? '"sealed":"B' : '"sealed":"A'));
    expect(() => unseal(parameters, 'seed', { party: 'x1', seed }, 'x2', changed)).toThrow(forged);
    expect(() => unseal(parameters, 'seed', { party: 'x1', seed }, 'x3', text)).toThrow(
      expect.objectContaining({ code: 'WRONG_PARTY' }),
    );
    expect(() => unseal(parameters, 'share', { party: 'x1', seed }, 'x2', text)).toThrow(
      expect.objectContaining({ code: 'WRONG_ROUND' }),
    );
  });
});

describe('key shares', () => {
  const run = { parameters, publicKey };
  const dealer = party('dealer');
  const seed = pairSeed(parameters, dealer, second);

  test('reach the party that they are for, and no other', async () => {
    const shares = await dealShares(privateKey, { parties: 4 });
    const text = shareTextFor(run, 'dealer', { party: 'x2', seed }, at(shares, 2));
    expect(readShare(run, { party: 'dealer', seed }, 'x2', text)).toEqual(at(shares, 2));
    const wrong = shareTextFor(run, 'dealer', { party: 'x2', seed }, at(shares, 1));
    expect(() => readShare(run, { party: 'dealer', seed }, 'x2', wrong)).toThrow(
      expect.objectContaining({ code: 'MISSING_SHARE' }),
    );
  });

  test('of a sharing that does not need everybody, or of another key, are refused', async () => {
    const loose = await dealShares(privateKey, { parties: 4, threshold: 3 });
    const text = shareTextFor(run, 'dealer', { party: 'x2', seed }, at(loose, 2));
    expect(() => readShare(run, { party: 'dealer', seed }, 'x2', text)).toThrow(
      expect.objectContaining({ code: 'MISSING_SHARE' }),
    );
    const foreign = await dealShares((await testKeyPair(1024)).privateKey, { parties: 4 });
    const other = shareTextFor(run, 'dealer', { party: 'x2', seed }, at(foreign, 2));
    expect(() => readShare(run, { party: 'dealer', seed }, 'x2', other)).toThrow(
      expect.objectContaining({ code: 'WRONG_KEY' }),
    );
  });
});

describe('pads', () => {
  const group = drawGroupSeed();
  const parties = [first, second, third];
  const seeds = parties.map((own) => {
    const pairs = parties
      .filter((other) => other !== own)
      .map((other) => [other.party, pairSeed(parameters, own, other)] as const);
    return padSeeds(parameters, own.party, new Map(pairs), group);
  });
  const { n } = publicKey;

  test('of all feature parties add up to zero, in every chunk and context', () => {
    for (const context of ['a', 'b']) {
      const pads = seeds.map((seed) => new Pads(seed, context, n));
      for (const chunk of [0, 1, 4_000_000]) {
        const sums = pads.map((pad) => [...pad.zeroSum(chunk, 5)]);
        for (let row = 0; row < 5; row += 1) expect(sums.reduce((sum, list) => sum + at(list, row), 0n)).toBe(0n);
      }
      expect([...at(pads, 0).group(1, 3)]).toEqual([...at(pads, 2).group(1, 3)]);
    }
  });

  test('differ between contexts, chunks and rows, and are 128 bits longer than n', () => {
    const numbers = ['a', 'b'].flatMap((context) =>
      [0, 1].flatMap((chunk) => [...new Pads(at(seeds, 0), context, n).group(chunk, 50)]),
    );
    expect(new Set(numbers).size).toBe(200);
    expect(numbers.every((number) => number >= 0n && number < 2n ** 640n)).toBe(true);
    expect(numbers.some((number) => number > n << 120n)).toBe(true);
    const short = [...new Pads(at(seeds, 0), 'a', n).groupBits(0, 50, 128)];
    expect(short.every((number) => number < 2n ** 128n)).toBe(true);
    expect(short.some((number) => number > 2n ** 120n)).toBe(true);
  });

  test('need a seed with every other feature party', () => {
    expect(() => padSeeds(parameters, 'x1', new Map([['x2', group]]), group)).toThrow(
      expect.objectContaining({ code: 'WRONG_PARTY' }),
    );
  });
});
