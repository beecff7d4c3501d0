/** What the performer chose, kept in the browser until next time. */

const KEY = "puppetcam";
const FIRST = {
  avatar: "",
  background: "photo",
  colour: "#00b140", // chroma green
  mirror: true,
  hud: false,
  camera: "",
  calibrated: false, // knows how to
};

/** @returns {typeof FIRST} */
function read() {
  try {
    return { ...FIRST, ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
  } catch {
    return { ...FIRST }; // storage is off, or holds something foreign: start afresh
  }
}

export const preferences = read();

/** @param {Partial<typeof FIRST>} change */
export function prefer(change) {
  Object.assign(preferences, change);
  try {
    localStorage.setItem(KEY, JSON.stringify(preferences));
  } catch {
    // storage is off: the choice lasts as long as the page
  }
}
