/** The figures that are on the page now, and which of them the keys act on. Upstream: figures. Downstream: actions, pictures. */
import type { Scene } from './scene';
import type { Zoom } from './zoom.svelte';

export interface ShownFigure {
  id: string;
  name: () => string;
  /** What a picture of it shows, drawn anew whenever one is asked for; null while there is nothing to show. */
  scene: () => Scene | null;
  csv: () => string;
  zoom?: Zoom;
  focus: () => void;
  /** Open the small menu of ways to export it. */
  exports: () => void;
}

class Figures {
  #shown = $state.raw<readonly ShownFigure[]>([]);
  #focused = $state<string | null>(null);

  get all(): readonly ShownFigure[] {
    return this.#shown;
  }

  /** Bring a figure for as long as it is there; the returned function takes it back. */
  add(figure: ShownFigure): () => void {
    this.#shown = [...this.#shown, figure];
    return () => {
      this.#shown = this.#shown.filter(one => one !== figure);
      if (this.#focused === figure.id) this.#focused = null;
    };
  }

  find(id: string): ShownFigure | undefined {
    return this.#shown.find(one => one.id === id);
  }

  entered(id: string): void {
    this.#focused = id;
  }

  left(id: string): void {
    if (this.#focused === id) this.#focused = null;
  }

  /** The one that has the focus, else the first: the loss. */
  get current(): ShownFigure | undefined {
    return this.find(this.#focused ?? '') ?? this.#shown[0];
  }

  /** The one that keys zoom: of those with an x axis, the focused one, else the first. */
  get zoomable(): ShownFigure | undefined {
    return this.current?.zoom ? this.current : this.#shown.find(one => one.zoom);
  }
}

export const figures = new Figures();
