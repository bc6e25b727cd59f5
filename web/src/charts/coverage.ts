/** Expert coverage, defined once. `share` is tokens routed to an expert over all routed tokens of the last window of a layer. */

export interface Coverage {
  /** Layer numbers as the trainer named them, ascending. */
  layers: number[];
  experts: number;
  /** `ratios[l][e]` = share × experts: 1 is a fair share, 0 dead; null unknown. */
  ratios: (number | null)[][];
  /** Per expert, 0..1: mean over the layers of min(1, share × experts); null unknown. */
  mean: (number | null)[];
  /** The layer with the least covered expert, and that expert's coverage in 0..1. */
  worst: { layer: number; expert: number; coverage: number } | null;
  /** Mean over the experts of `mean`; null unknown. */
  average: number | null;
  /** Experts, over all layers, that got no token in the window. */
  dead: number;
  /** Coefficient of variation of the shares in the most unequal layer. */
  imbalance: { layer: number; value: number } | null;
}

export type Fill = 'good' | 'fair' | 'low' | 'unknown';

/** 80 to 100 % is good, 60 to 79 % acceptable, less is low. */
export function fillOf(coverage: number | null): Fill {
  if (coverage === null) return 'unknown';
  const percent = Math.round(coverage * 100);
  return percent >= 80 ? 'good' : percent >= 60 ? 'fair' : 'low';
}

const NAME = /^moe\/load\/(\d+)\/(\d+)$/;

interface Place {
  layer: number;
  expert: number;
}

/** Thousands of names come again and again: each is read once. */
const places = new Map<string, Place | null>();

export function parseLoadName(name: string): Place | null {
  let place = places.get(name);
  if (place === undefined) {
    const found = NAME.exec(name);
    place = found ? { layer: Number(found[1]), expert: Number(found[2]) } : null;
    places.set(name, place);
  }
  return place;
}

export const loadName = (layer: number, expert: number): string => `moe/load/${layer}/${expert}`;

/** `shares` maps `moe/load/<layer>/<expert>` to the last share; `experts` is the model's own count where it is known. */
export function coverage(shares: ReadonlyMap<string, number>, experts: number | null): Coverage | null {
  const table = new Map<number, Map<number, number>>();
  let highest = -1;
  for (const [name, share] of shares) {
    const place = parseLoadName(name);
    if (!place || !Number.isFinite(share)) continue;
    const row = table.get(place.layer) ?? new Map<number, number>();
    row.set(place.expert, share);
    table.set(place.layer, row);
    highest = Math.max(highest, place.expert);
  }
  if (table.size === 0) return null;
  const count = Math.max(experts ?? 0, highest + 1);
  const layers = [...table.keys()].sort((a, b) => a - b);
  const ratios = layers.map(layer =>
    Array.from({ length: count }, (_, expert) => {
      const share = table.get(layer)!.get(expert);
      return share === undefined ? null : share * count;
    }),
  );
  const means = Array.from({ length: count }, (_, expert) =>
    mean(ratios.map(row => capped(row[expert] ?? null))),
  );
  return {
    layers,
    experts: count,
    ratios,
    mean: means,
    average: mean(means),
    worst: worstOf(layers, ratios),
    dead: ratios.flat().filter(ratio => ratio === 0).length,
    imbalance: imbalanceOf(layers, ratios),
  };
}

function capped(ratio: number | null): number | null {
  return ratio === null ? null : Math.min(1, ratio);
}

function mean(values: (number | null)[]): number | null {
  const known = values.filter(value => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}

function worstOf(layers: number[], ratios: (number | null)[][]): Coverage['worst'] {
  let worst: Coverage['worst'] = null;
  ratios.forEach((row, index) =>
    row.forEach((ratio, expert) => {
      const covered = capped(ratio);
      if (covered !== null && (worst === null || covered < worst.coverage))
        worst = { layer: layers[index]!, expert, coverage: covered };
    }),
  );
  return worst;
}

function imbalanceOf(layers: number[], ratios: (number | null)[][]): Coverage['imbalance'] {
  let most: Coverage['imbalance'] = null;
  ratios.forEach((row, index) => {
    const average = mean(row);
    const known = row.filter(ratio => ratio !== null);
    if (!average || known.length < 2) return;
    const variance = known.reduce((sum, ratio) => sum + (ratio - average) ** 2, 0) / known.length;
    const value = Math.sqrt(variance) / average;
    if (most === null || value > most.value) most = { layer: layers[index]!, value };
  });
  return most;
}
