/** One short sentence at a time: why a key did nothing, what is ready. Upstream: shortcuts, the screenshot. Downstream: the line that shows and reads it. */

const SHOWN_MS = 5000;

class Announcements {
  #text = $state('');
  #timer: ReturnType<typeof setTimeout> | undefined;

  get text(): string {
    return this.#text;
  }

  /** Show it, and have it read when the screen reader comes to rest; `stays` until the next one. */
  say(text: string, stays = false): void {
    clearTimeout(this.#timer);
    this.#text = text;
    if (!stays) this.#timer = setTimeout(() => (this.#text = ''), SHOWN_MS);
  }

  silence(): void {
    clearTimeout(this.#timer);
    this.#text = '';
  }
}

export const announcements = new Announcements();
