/** The measurements over the picture. */

import { Glass } from "./glass.js";
import { MarkReader } from "./mark.js";

/** A frame lasts this long at 30 per second: the full length of a stage's bar. */
const FRAME_MS = 1000 / 30;

const $ = (id) => document.getElementById(id);
const number = (value, digits = 0) => (Number.isFinite(value) ? value.toFixed(digits) : "–");

export class Hud {
  glass = new Glass();
  #video;
  #reader = new MarkReader();
  #watching = 0;
  #shown = 0;
  #clock = 0;

  /** @param {HTMLVideoElement} video the avatar as it comes back */
  constructor(video) {
    this.#video = video;
  }

  get open() {
    return !$("band").hidden;
  }

  /** @param {boolean} open */
  set open(open) {
    if (open === this.open) return;
    $("band").hidden = !open;
    $("details").hidden = !open;
    clearInterval(this.#clock);
    this.#video.cancelVideoFrameCallback(this.#watching);
    this.glass.clear();
    this.#draw();
    if (!open) return;
    this.#watch();
    let before = performance.now();
    this.#shown = 0;
    this.#clock = setInterval(() => {
      const now = performance.now();
      $("hud-shown").textContent = number((this.#shown * 1000) / (now - before));
      before = now;
      this.#shown = 0;
    }, 1000);
  }

  #watch() {
    this.#watching = this.#video.requestVideoFrameCallback((_, frame) => {
      this.#shown++;
      const mark = this.#reader.read(this.#video, frame.width, frame.height);
      if (mark !== null && this.glass.seen(mark, performance.now()) !== null) this.#draw();
      this.#watch();
    });
  }

  /** @param {{fps_in: number, fps_out: number, dropped: number, failures: number, backend: string,
   *   stages: Record<string, {p50: number, p95: number}>}} stats the server's, ms and 1/s */
  stats(stats) {
    if (!this.open) return;
    $("hud-in").textContent = number(stats.fps_in);
    $("hud-out").textContent = number(stats.fps_out);
    $("hud-dropped").textContent = number(stats.dropped);
    $("hud-backend").textContent = stats.backend;
    $("hud-failures").textContent = stats.failures ? ` · ${stats.failures} failed frames` : "";
    const rows = Object.entries(stats.stages).map(([name, { p50, p95 }]) => {
      const row = document.createElement("tr");
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = name;
      const meter = row.insertCell();
      meter.className = "meter";
      const bar = document.createElement("i");
      bar.style.setProperty("--p50", String(Math.min(1, p50 / FRAME_MS)));
      bar.style.setProperty("--p95", String(Math.min(1, p95 / FRAME_MS)));
      meter.append(bar);
      row.prepend(head);
      row.insertCell().textContent = number(p50, 1);
      row.insertCell().textContent = number(p95, 1);
      return row;
    });
    $("hud-stages").replaceChildren(...rows);
  }

  /** @param {string} words the connection, in words */
  link(words) {
    $("hud-link").textContent = words;
  }

  #draw() {
    const { history, median } = this.glass;
    $("hud-glass").textContent = median === null ? "–" : number(median);
    const top = Math.max(100, ...history);
    $("hud-spark").classList.toggle("empty", history.length < 2);
    const points = history.map((ms, k) => `${k * 2},${(27 - (26 * ms) / top).toFixed(1)}`);
    $("hud-spark").firstElementChild.setAttribute("points", points.join(" "));
  }
}
