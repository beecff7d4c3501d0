/** What stands behind the avatar. Events: "change" (see value). */

import { prefer, preferences } from "./preferences.js";

const $ = (id) => document.getElementById(id);

export class Backdrop extends EventTarget {
  #choices = [...$("backgrounds").querySelectorAll("input")];

  constructor() {
    super();
    $("colour").value = preferences.colour;
    for (const choice of this.#choices) choice.onchange = () => this.#choose(choice.value);
    $("colour").oninput = () => {
      prefer({ colour: $("colour").value });
      this.dispatchEvent(new Event("change"));
    };
    this.#choose(preferences.background);
  }

  /** As the server wants it: photo, blur, none or #rrggbb. @returns {string} */
  get value() {
    return preferences.background === "colour" ? preferences.colour : preferences.background;
  }

  next() {
    const index = this.#choices.findIndex((choice) => choice.checked);
    this.#choose(this.#choices[(index + 1) % this.#choices.length].value);
  }

  #choose(kind) {
    const choice = this.#choices.find(({ value }) => value === kind) ?? this.#choices[0];
    choice.checked = true;
    prefer({ background: choice.value });
    $("colour-row").hidden = choice.value !== "colour";
    $("none-row").hidden = choice.value !== "none";
    this.dispatchEvent(new Event("change"));
  }
}
