/** A counter that is followed a few times a second, however often it counts. Upstream: the run's revision. Downstream: charts beside the loss. */

const EVERY_MS = 200;

/** Ask with each new count; what comes back changes at most so often. Ask at rest too (each second), and it is the newest. */
export function calmly(everyMs = EVERY_MS, clock: () => number = () => performance.now()) {
  let shown = -1;
  let at = -Infinity;
  return (count: number): number => {
    if (count !== shown && clock() - at >= everyMs) {
      shown = count;
      at = clock();
    }
    return shown;
  };
}
