/** Messages in place: one box per subject, so that a new one replaces the old one. */

const FADE_MS = 6000;

export class Notices {
  #place;
  /** @type {Map<string, HTMLElement>} */
  #boxes = new Map();

  /** @param {HTMLElement} place */
  constructor(place) {
    this.#place = place;
  }

  /**
   * @param {string} subject what it is about: "camera", "link", "server", ...
   * @param {"info" | "warning" | "error"} info without an action goes by itself
   * @param {string} text @param {string} [hint] what to do
   * @param {{label: string, run: () => void}} [action] a button beside it
   */
  show(subject, level, text, hint = "", action) {
    const says = JSON.stringify([level, text, hint]);
    if (this.#boxes.get(subject)?.dataset.says === says) return; // not read aloud twice
    const box = document.createElement("div");
    box.className = "notice";
    box.dataset.level = level;
    box.dataset.says = says;
    box.append(words(text, hint));
    if (action) box.append(button(action.label, action.run));
    box.append(button("Dismiss", () => this.clear(subject)));
    this.clear(subject);
    this.#boxes.set(subject, box);
    this.#place.append(box);
    if (level === "info" && !action) {
      setTimeout(() => this.#boxes.get(subject) === box && this.clear(subject), FADE_MS);
    }
  }

  /** @param {string} subject */
  clear(subject) {
    this.#boxes.get(subject)?.remove();
    this.#boxes.delete(subject);
  }
}

/** A message and what to do about it. @param {string} text @param {string} hint */
export function words(text, hint) {
  const block = document.createElement("div");
  for (const line of [text, hint].filter(Boolean)) {
    const paragraph = document.createElement("p");
    paragraph.textContent = line;
    block.append(paragraph);
  }
  return block;
}

function button(label, run) {
  const element = document.createElement("button");
  element.type = "button";
  element.className = "quiet";
  element.textContent = label;
  element.onclick = run;
  return element;
}
