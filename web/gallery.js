/** The avatars as pictures to choose from. Events: "choose" (detail: the name), "add". */

import { getAvatars } from "./api.js";

export class Gallery extends EventTarget {
  /** @type {import("./api.js").AvatarCard[]} */
  avatars = [];
  chosen = "";
  #grid;
  #warnings;

  /** @param {HTMLElement} grid @param {HTMLElement} warnings where the chosen one's are listed */
  constructor(grid, warnings) {
    super();
    this.#grid = grid;
    this.#warnings = warnings;
  }

  /** Fetch the list again. @param {string} [wanted] the avatar to have chosen afterwards */
  async refresh(wanted = this.chosen) {
    this.avatars = await getAvatars();
    const names = this.avatars.map((avatar) => avatar.name);
    this.#draw();
    this.choose(names.includes(wanted) ? wanted : (names[0] ?? ""));
  }

  /** @returns {import("./api.js").AvatarCard | undefined} the chosen avatar */
  get card() {
    return this.avatars.find((avatar) => avatar.name === this.chosen);
  }

  /** @param {string} name one of the avatars, or "" where there is none */
  choose(name) {
    this.chosen = name;
    for (const tile of this.#grid.querySelectorAll("[data-name]")) {
      tile.setAttribute("aria-pressed", String(tile.dataset.name === name));
    }
    list(this.#warnings, this.card?.warnings ?? []);
    this.dispatchEvent(new CustomEvent("choose", { detail: name }));
  }

  /** @param {string} name the avatar that the server is loading; "" for none */
  busy(name) {
    for (const tile of this.#grid.querySelectorAll("[data-name]")) {
      tile.setAttribute("aria-busy", String(tile.dataset.name === name));
    }
  }

  /** @param {number} index from 0; nothing happens where there is no such avatar */
  chooseAt(index) {
    if (this.avatars[index]) this.choose(this.avatars[index].name);
  }

  #draw() {
    const tiles = this.avatars.map((avatar, index) => {
      const tile = document.createElement("button");
      tile.type = "button";
      tile.dataset.name = avatar.name;
      tile.title = avatar.name;
      const picture = new Image();
      picture.src = avatar.thumbnail;
      picture.alt = "";
      const name = text("name", avatar.name);
      if (avatar.note) {
        name.append(text("note", avatar.note));
        tile.title += `: ${avatar.note}, as the photo does not show what they need to move`;
      }
      tile.append(picture, name);
      if (index < 9) {
        const key = text("key", String(index + 1));
        key.setAttribute("aria-hidden", "true");
        tile.append(key);
      }
      tile.onclick = () => this.choose(avatar.name);
      return tile;
    });
    const add = document.createElement("button");
    add.type = "button";
    add.className = "add";
    add.id = "add";
    add.innerHTML = '<svg aria-hidden="true"><use href="icons.svg#plus"/></svg>';
    add.append(text("", "New from a photo"));
    add.onclick = () => this.dispatchEvent(new Event("add"));
    this.#grid.replaceChildren(...tiles, add);
  }
}

/** @param {HTMLElement} place a list, hidden where there is nothing to say @param {string[]} lines */
export function list(place, lines) {
  place.hidden = !lines.length;
  place.replaceChildren(
    ...lines.map((line) => {
      const item = document.createElement("li");
      item.textContent = line;
      return item;
    }),
  );
}

function text(kind, words) {
  const element = document.createElement("span");
  element.className = kind;
  element.textContent = words;
  return element;
}
