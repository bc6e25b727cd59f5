/** Every value of the last minutes, for what is counted over a window. Upstream: series. Downstream: throughput. */

export const RECENT_SECONDS = 240;
/** More than a thousand values a second for four minutes: then the oldest go. */
const MOST = 1 << 18;

/** A window that slides over two arrays: appended at their end, forgotten at their beginning. */
export class Recent {
  #begin = 0;
  #end = 0;
  #time = new Float64Array(512);
  #value = new Float64Array(512);

  static of({ times, values }: { times: Float64Array; values: Float64Array }): Recent {
    const recent = new Recent();
    for (let i = 0; i < times.length; i++) recent.append(times[i]!, values[i]!);
    return recent;
  }

  get times(): Float64Array {
    return this.#time.subarray(this.#begin, this.#end);
  }

  get values(): Float64Array {
    return this.#value.subarray(this.#begin, this.#end);
  }

  append(time: number, value: number): void {
    while (this.#begin < this.#end && this.#time[this.#begin]! < time - RECENT_SECONDS) this.#begin++;
    if (this.#end === this.#time.length) this.#makeRoom();
    this.#time[this.#end] = time;
    this.#value[this.#end++] = value;
  }

  /** Move to the front; where that frees less than half, into arrays of twice the size. */
  #makeRoom(): void {
    if (this.#end - this.#begin >= MOST) this.#begin = this.#end - MOST / 2;
    const kept = this.#end - this.#begin;
    const size = kept > this.#time.length / 2 ? this.#time.length * 2 : this.#time.length;
    const move = (old: Float64Array<ArrayBuffer>) => {
      const next = size === old.length ? old : new Float64Array(size);
      next.set(old.subarray(this.#begin, this.#end));
      return next;
    };
    this.#time = move(this.#time);
    this.#value = move(this.#value);
    this.#begin = 0;
    this.#end = kept;
  }
}
