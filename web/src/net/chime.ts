/** Two short tones, made by the browser itself: rising for a warning, falling twice for a critical alert. Upstream: alerts. Downstream: the loudspeaker. */
export type Urgency = 'warning' | 'critical';

/** Frequency in Hz, start and length in seconds. */
type Tone = readonly [frequency: number, start: number, length: number];

const TONES: Record<Urgency, readonly Tone[]> = {
  warning: [
    [587, 0, 0.16],
    [784, 0.14, 0.24],
  ],
  critical: [
    [880, 0, 0.18],
    [587, 0.18, 0.26],
    [880, 0.5, 0.18],
    [587, 0.68, 0.32],
  ],
};
const LOUDNESS = 0.18;

export class Chime {
  #context: AudioContext | null = null;

  /** Make ready; without it there is no audio at all. Call it from a click or a key: browsers keep silent before one. */
  wake(): void {
    this.#context ??= new AudioContext();
    if (this.#context.state === 'suspended') void this.#context.resume().catch(() => undefined);
  }

  play(urgency: Urgency): void {
    this.wake();
    const context = this.#context!;
    for (const [frequency, start, length] of TONES[urgency]) {
      const from = context.currentTime + start;
      const tone = new OscillatorNode(context, { type: 'sine', frequency });
      const volume = new GainNode(context, { gain: 0 });
      volume.gain.setValueAtTime(0, from);
      volume.gain.linearRampToValueAtTime(LOUDNESS, from + 0.015);
      volume.gain.exponentialRampToValueAtTime(0.0005, from + length);
      tone.connect(volume).connect(context.destination);
      tone.start(from);
      tone.stop(from + length);
    }
  }

  /** Give the loudspeaker back. */
  sleep(): void {
    void this.#context?.close();
    this.#context = null;
  }
}
