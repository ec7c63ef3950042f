/** A token id of the model's vocabulary. */
export type Token = number;
