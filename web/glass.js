/** Glass to glass: how long a marked frame took from the camera to the screen. */

/** A mark that has not come back after this long is forgotten. */
const LOST_MS = 5000;
/** How many measurements are kept. */
const KEPT = 60;

export class Glass {
  /** @type {Map<number, number>} number -> time it was stamped, ms */
  #sent = new Map();
  /** Newest last, ms. @type {number[]} */
  history = [];

  /** @param {number} number @param {number} at when the frame reached us from the camera, ms */
  sent(number, at) {
    this.#sent.set(number, at);
    for (const [old, time] of this.#sent) if (at - time > LOST_MS) this.#sent.delete(old);
  }

  /**
   * @param {number} number read off the screen @param {number} at when it was shown, ms
   * @returns {number | null} ms from camera to screen; null for a mark never sent or seen before
   */
  seen(number, at) {
    const start = this.#sent.get(number);
    if (start === undefined || at - start > LOST_MS) return null;
    this.#sent.delete(number);
    this.history.push(at - start);
    if (this.history.length > KEPT) this.history.shift();
    return at - start;
  }

  /** Median of the last measurements, ms; null before the first. @returns {number | null} */
  get median() {
    if (!this.history.length) return null;
    const sorted = this.history.slice(-9).sort((a, b) => a - b);
    return sorted[sorted.length >> 1];
  }

  clear() {
    this.#sent.clear();
    this.history = [];
  }
}
