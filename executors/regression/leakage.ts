import { batchCount, gradientCiphertexts } from './batches.ts';
import { hasLoss, isCubic } from './parameters.ts';
import type { RunParameters } from './parameters.ts';

/** Who learns what in a run, in plain words: printed before it begins, and tested against what parties see. */

const OTHERS = {
  'single-key': (label: string, count: number): string[] => [
    `${label} sees numbers that look uniform (padded predictions, masked gradients), the stop bits, and what is listed below; ` +
      'no feature, no coefficient, no prediction. This holds even if it reads all traffic and works with the server and ' +
      'the aggregator.',
    `${label} and any one feature party together can compute the residuals of all rows, and from many iterations how the ` +
      `other parties' rows relate to each other${count > 2 ? '; they cannot tell two honest feature parties apart' : ''}. ` +
      'If you fear that, choose mode "threshold" or "additive".',
  ],
  threshold: (label: string): string[] => [
    `Nobody holds the key: ${label} and all feature parties have one share each, and all of them are needed for every opening. ` +
      'Any group that misses one party can decrypt nothing but its own gradients.',
    'The dealer who makes the key could read everything until it forgets the key. If one party is away, nothing can be ' +
      'opened.',
  ],
  additive: (label: string, count: number): string[] => [
    `Residuals are never in one place: ${label} and the feature parties hold shares that only all of them together could add ` +
      'up; any group that misses one party holds numbers that look uniform (AES-256). Nobody holds a common key.',
    `${label} sees predictions under pads that only their owner knows, the stop bits, and what is listed below; no feature, ` +
      'no coefficient, no prediction. This holds even if it reads all traffic and works with the server, the aggregator and ' +
      `${count > 1 ? 'all but one of the feature parties' : 'nobody else'}.`,
    'Each feature party encrypts its rows once under its own key, which all other parties keep a copy of (decisional ' +
      'composite residuosity). What it learns of residuals is fixed from then on: one that deviates chooses at the set-up ' +
      'which sums over rows its gradients are, as many numbers as its ciphertexts have slots, each long enough for tens of ' +
      'yes-or-no labels, and nothing else later.',
    ...(count > 2
      ? [
          'What the others compute for a feature party stands under pads that sum to zero (AES-256): who reads all traffic, and ' +
            `a feature party with ${label}, learns the sum of it, which is the gradient, and not what any of them added.`,
        ]
      : []),
    'What it decrypts are its gradients and multiples of a power of two, which are random: they differ from numbers that ' +
      "depend on nothing by at most 2^-40 for each gradient and holder. The other parties' multiplications take times that " +
      'depend on their shares: they must not be measured from outside.',
  ],
} as const;

/**
 * The leakage statement of a run in plain words, one sentence or two for each item. M2 = [X y]ᵀ[X y] is the matrix of
 * second moments.
 */
export function leakageOf(parameters: RunParameters): string[] {
  const { label, mode, features } = parameters;
  return [
    'The server and the aggregator learn the number of rows, parties, columns and iterations, and when who answered. They ' +
      'hold no key: what they carry stays encrypted (decisional composite residuosity).',
    'Each feature party learns its own gradients (one number for each of its columns and iteration) and its own coefficients, ' +
      'and nothing else. These numbers depend on the other parties only through the second moments [X y]ᵀ[X y], never on a ' +
      'single row.',
    `All feature parties together learn Xᵀy${batchCount(parameters) === 1 ? '' : ' of every batch'}: one number for each column. ` +
      'A converged model implies these numbers anyway; labels stay undetermined while there are more rows than columns.',
    ...OTHERS[mode](label, features.length),
    ...cubicOf(parameters),
    ...lossOf(parameters),
    'Everybody sees two bits of each feature party after every step: whether it has converged, and whether it diverges.',
    ...predictionsOf(parameters),
    ...deviationsOf(parameters),
    'Not covered: what the finished model or its predictions say about the rows it was trained on.',
  ];
}

function predictionsOf({ label, features, predictionRows }: RunParameters): string[] {
  if (predictionRows === 0) return [];
  const others =
    features.length > 1 ? ' If it works with all feature parties but one, it learns the part of that one.' : '';
  return [
    `${label}, and nobody else, learns joint predictions for rows that are held out and for new rows: each feature party ` +
      `answers for ${predictionRows} rows in all, since features can be inferred from many predictions (Luo et al., arXiv ` +
      `2010.10152).${others}`,
    'With --ids or an id column everybody who reads the survey also gets a digest of all ids: who guesses all of them knows it. ' +
      'Of new rows the server learns their number only; the parties compare ids under secrets that each two of them share, so ' +
      "that a party can test a guess of all of another's ids.",
  ];
}

/** What is not prevented, only bounded: parties are supposed to follow the protocol. */
function deviationsOf(parameters: RunParameters): string[] {
  const { label, mode, iterations, retries } = parameters;
  const sums = mode === 'threshold' ? sumsOpened(parameters) : '';
  return [
    'Parties are trusted to follow the protocol, the aggregator to add what it says that it adds. What anybody else puts in ' +
      'the place of their signed messages is refused. ' +
      `If ${label} does not, it can choose residuals and steer coefficients, and so learn from losses and predictions how rows ` +
      'of others relate to each other, and what they are where rows are held out.',
    ...(mode === 'additive'
      ? []
      : [
          'A feature party that deviates can have something else opened than its gradient, such as the labels of as many rows ' +
            'as fit into one ciphertext: hundreds of yes-or-no labels at once. The opening budget bounds how often, not what: ' +
            `${iterations + retries} openings in all, of ${ciphertextsOf(parameters)}.${sums} ` +
            'If you fear that, choose mode "additive".',
        ]),
  ];
}

/** What share holders open to the label party, whatever a feature party that works with it has put there. */
function sumsOpened(parameters: RunParameters): string {
  const { label, iterations, retries, predictionRows } = parameters;
  const losses = hasLoss(parameters) ? `${iterations + retries} sums of losses, and ` : '';
  return (
    ` If it works with ${label}, this holds as well for what ${label} gets opened: ${losses}${1 + retries} times the ` +
    `predictions for rows held out, ${predictionRows} rows at most.`
  );
}

function ciphertextsOf(parameters: RunParameters): string {
  const counts = parameters.features.map(({ name }) => `${gradientCiphertexts(parameters, name)} for ${name}`);
  return `as many ciphertexts as gradients take (${counts.join(', ')})`;
}

function cubicOf(parameters: RunParameters): string[] {
  if (!isCubic(parameters)) return [];
  return [
    `For the cubic form ${parameters.label} opens predictions under a pad that is 80 bits longer than they are: what it sees ` +
      'differs from uniform by at most 2^-80 for each row.',
  ];
}

function lossOf(parameters: RunParameters): string[] {
  if (!hasLoss(parameters)) return [];
  const alone = parameters.features.length === 1 ? " With one feature party, that is this party's part." : '';
  const rows = batchCount(parameters) === 1 ? 'all rows' : 'all rows of its batch';
  return [
    `${parameters.label} learns the loss of every iteration, one number for ${rows}.${alone}`,
    ...(batchCount(parameters) === 1
      ? []
      : [
          'For the loss, the first pass over the batches takes no step: each feature party learns the gradient at 0 of every ' +
            "batch, that is how its columns go with the labels of that batch's rows.",
        ]),
  ];
}
