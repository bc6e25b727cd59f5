/** The trend line: an exponential moving average without start-up bias, as TensorBoard's smoothing does it. */

/** `weight` in 0..1 (0 changes nothing). Values that are not finite, or missing, stay gaps and leave the average as it was. */
export function ema(values: ArrayLike<number | null>, weight: number): (number | null)[] {
  const out: (number | null)[] = new Array(values.length);
  let average = 0;
  let count = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value === null || value === undefined || !Number.isFinite(value)) {
      out[i] = null;
      continue;
    }
    average = average * weight + value * (1 - weight);
    count++;
    out[i] = weight === 0 ? value : average / (1 - weight ** count);
  }
  return out;
}
