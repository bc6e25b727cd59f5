/** Answers that may overtake one another: one that was asked for before the last one taken is not taken. Upstream: HTTP. Downstream: stores. */
export class Newest {
  #asked = 0;
  #taken = 0;

  /** Ask; the returned function tells, once the answer is there, whether to take it. */
  ask(): () => boolean {
    const mine = ++this.#asked;
    return () => {
      if (mine < this.#taken) return false;
      this.#taken = mine;
      return true;
    };
  }
}
