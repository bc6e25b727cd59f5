/** Round numbers along an axis. Upstream: nothing. Downstream: pictures, charts of time. */

const DURATIONS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

/** The steps that an axis of seconds may take, for a day and for weeks. */
export const TIME_STEPS = [0.01, 0.1, 0.5, ...DURATIONS, ...[2, 5, 10, 20, 50, 100].map(n => n * 86400)];

/** A step of 1, 2 or 5 times a power of ten that gives at most `most` ticks. */
export function niceStep(length: number, most: number): number {
  const rough = length / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map(factor => factor * power).find(step => step >= rough * (1 - 1e-9))!;
}

/** The ticks of `[low, high]`, and how far they are apart. */
export function ticksOf(low: number, high: number, most: number): { ticks: number[]; step: number } {
  if (!(high > low) || !Number.isFinite(high - low)) return { ticks: [low], step: 0 };
  const step = niceStep(high - low, most);
  const ticks: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) ticks.push(i * step + 0);
  return { ticks, step };
}

/** Powers of ten within `[low, high]`, with 2 and 5 between them where there are few; `low` is positive. */
export function logTicks(low: number, high: number): number[] {
  const found: number[] = [];
  const decades = Math.log10(high / low);
  const factors = decades > 3 ? [1] : [1, 2, 5];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
    for (const factor of factors) {
      const tick = factor * 10 ** power;
      if (tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9)) found.push(tick);
    }
  return found;
}
