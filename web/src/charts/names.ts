/** Metrics that charts know by name. */
export const TRAIN = 'train/loss';
export const EVAL = 'eval/loss';
