import { generatePrimeSync } from 'node:crypto';
import { bitLength } from '../../crypto/modular/bytes.ts';
import { privateKeyFromPrimes } from '../../crypto/paillier/index.ts';
import type { KeyPair } from '../../crypto/paillier/index.ts';

/** Published test keys: never use them for anything else. Blum primes, base 16. */
const PRIMES = {
  512: [
    'f281a84066578336344a868a64f23e2523fa1d4bda79ab437e2530bbecc366c3',
    '8daff3b8e69383cfc975c768c491fc4a565f736631f623ffb6093c74db04c1e3',
  ],
  1024: [
    'cec62843e6b20006ff167a1155d141bd0e5da52f92d6ffc0deca1a62842bbc9649ee28e1557e5e4892f83ad660b62e2fbe10db9dc51ab9eb59715539bde443af',
    'bcd01591ab5fe88610c540ad60a9dcc17e155f8ef10df1363b76b38d8638b08123223f33ca244bde0583f39907be7ac6a7021663863a1cf2362c9206b828ce17',
  ],
  2048: [
    '8a338998c07aba7988c536c009aae1c470ab01a9e1d9f9c93c42d3de0e18c08569bef784d6aa6a75620e39e53d6eadb6d18918c7b1ec9c0a9a5ebaaa7a7f627d6b59d8deb9470e23865c0a9461daa18644598623089a62cbbf92961720dd2e7c9e2e2444d12f5bab1d54a85bfae38d3af42da04c91b9d416006da3613e909863',
    'fd3c60ecb5ba0cecadc4acc7952ad81e87053859d5a0554d811bdc724cf0a549a29db9d408df115ae59447c91a19dbb2691dba4fa777add4b180854d09c92c8d54f75452c7768842297287e87d0b5f5940f80ab134ae582aacb5c37d1827d301a9d3634e6dd2248ae5b5555325857d89848269050c0c0fbce03817e73853e127',
  ],
  3072: [
    'd18f7553e6b0774083f03f2ebb00c0f9f4195645339562de9b8dde04c830e2101430587b0ad0b0fed306f150dc06cc8207dc5b43cdb189edf863bbb5004bde59bfc629a44071164afb3af140f040ad1a4dd38e2d34546d5c3c42871d4fa31f5d8ccc1e19e9c01da6173f08ec04cf1b96110af202e1f20b5951479208fd0fc1b11dfefc9defa34f24dc38c8304ea2ee6c51cfda8e306bf0a154b3799b96f127acf0d30e5de74f46be8c2679aa13686613c258e99b99799c18df9a0c06896e2d0f',
    'd42cd640de8d859a093d3aa1a158ed0722abc72c0417e8ba11428017f14dff81905fc570834ec53b5a7fb52b7d62563fcc5456652240457ba7ee5ec0c9263bbc7ae966e9cdc647bc196128ef6ce3d6d2e29a9232dfc2c4d3dbe061d91397eb682e59d9a26a945f88534611b3edd96796fa73a7a4c050e59dded29aaf2c08a6afc7dabbcb8230f97c42c8b2beea7bb3afd8822ba56b2f1cd1050073ff42c7e134a06dc5285af387ecb27134d433aefb6944f46f016f084efdb6d45c09d43466a7',
  ],
  4096: [
    'c853644a06cbab66c868aa6f3914f63c632ec0a3186d01dc3ac76b7c5ae137da0d3c32749ba59263001a68bf2255cb9c068f5358a1902e252d082294d6b8b1fbb18cda29e99693973bb65e41f78556248d1f585b293bd9c7f4ad66c7e275e951aa94b1ce6a4c1f85a7f3227277c54d4d2e1edf7dd7461b7c94c4900859f6e27f8500102816281be2d8f4398603d482ffc4b075951e71400a8e2cf0b2a45314e0fc3f6304809596614e1f62be31bb3640e76949a982456eb3a05356eb1b5c1716c09f78e201ae03d04d6094d29cda1bc2d99b2c463a762e73a25e22febecbf9b16b65d3ca8dbd9449079fafd77307094799b081456b1fef382bad0e88a97052db',
    'b003010ad0e2b9958b71b3f986b95bad2f82c0f1df01e702f781541c16791cd0179a94772f400d1bf2cd5900bc67e6f8ad55d1c03e3254f327f7ab5296894ed055ba9a87cc1a484fd6aaf7b1b9ead879e570bd2a29882741f8ada0403ca8f0500f8179c0626f846e58ed73546edce95d7574147ffe653aff711627c76ed6868b469c0c9317ee710be3767042210253920ad41e149dafca8c879847604dcb57edac641d310828bbaef76a8a9a3d86cbab2866fe298df6ce4cf7148e28e4ce4f754cf9151fd9340c70252104c6a264d587ef24ff24a78db9ffa137a3c481a4764daacb034798495faa9e0d69dc3bfd2e5abe6676a99f4a7304473f052541811c93',
  ],
} as const;

/** Lengths that have a fixed test key. */
export type TestKeyBits = keyof typeof PRIMES;

const keyPairs = new Map<TestKeyBits, Promise<KeyPair>>();

/** The fixed key pair of this length, the same in every run; Blum primes with all conditions of generated keys. */
export function testKeyPair(keyBits: TestKeyBits = 2048): Promise<KeyPair> {
  const known = keyPairs.get(keyBits);
  if (known) return known;
  const keyPair = load(keyBits);
  keyPairs.set(keyBits, keyPair);
  return keyPair;
}

/** The primes of a fixed test key. */
export function testPrimes(keyBits: TestKeyBits = 2048): [p: bigint, q: bigint] {
  const [p, q] = PRIMES[keyBits];
  return [BigInt(`0x${p}`), BigInt(`0x${q}`)];
}

async function load(keyBits: TestKeyBits): Promise<KeyPair> {
  const [p, q] = testPrimes(keyBits);
  const privateKey = await privateKeyFromPrimes(p, q, { minimumBits: 512 });
  return { publicKey: privateKey.publicKey, privateKey };
}

/** Primes of a modulus of so many bits that shares a factor with φ(n): p divides q − 1. */
export function unfitPrimes(bits: number): { p: bigint; q: bigint } {
  for (;;) {
    const p = generatePrimeSync(Math.floor(bits * 0.4), { bigint: true });
    const q = generatePrimeSync(bits - Math.floor(bits * 0.4), { bigint: true, add: 2n * p, rem: 1n });
    if (bitLength(p * q) === bits) return { p, q };
  }
}
