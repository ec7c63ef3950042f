/** How tokens to come are guessed: by what followed the same tokens earlier in the sequence, or not at all. */
export const speculations = ['ngram', 'off'] as const;

export type Speculation = (typeof speculations)[number];

export const defaultSpeculation: Speculation = 'ngram';
