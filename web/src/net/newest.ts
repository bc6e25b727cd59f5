/** Answers that may overtake one another, and what is told beside them. Upstream: HTTP, the socket. Downstream: stores. */

export interface Asked {
  /** Called when the answer is there: false where one that was asked for later has been taken. */
  isNews: () => boolean;
  /** Whether something of `id` was told since: the answer's word of it is the older one. */
  isOld: (id: string) => boolean;
}

export class Newest {
  #asked = 0;
  #taken = 0;
  #told = new Map<string, number>();

  ask(): Asked {
    const mine = ++this.#asked;
    return {
      isNews: () => {
        if (mine < this.#taken) return false;
        this.#taken = mine;
        return true;
      },
      isOld: id => (this.#told.get(id) ?? 0) >= mine,
    };
  }

  /** Something of `id` is told now: newer than every answer that is under way. */
  hear(id: string): void {
    this.#told.set(id, this.#asked);
  }
}
