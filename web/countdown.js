/** Three, two, one: time to take the neutral pose. */

const STEP_MS = 900;

/**
 * @param {HTMLElement} place
 * @param {string} words what to do meanwhile
 * @param {() => boolean} goOn asked before each step
 * @returns {Promise<boolean>} true if it ran to its end
 */
export async function countDown(place, words, goOn) {
  if (!place.hidden) return false;
  place.hidden = false;
  try {
    for (const count of [3, 2, 1]) {
      if (!goOn()) return false;
      const big = document.createElement("b");
      big.textContent = String(count);
      place.replaceChildren(big, words);
      await new Promise((resolve) => setTimeout(resolve, STEP_MS));
    }
    return goOn();
  } finally {
    place.hidden = true;
    place.replaceChildren();
  }
}
