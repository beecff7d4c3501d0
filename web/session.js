/**
 * The name of this browser's performance. It stays the same from day to day, so that the address
 * in OBS stays valid; a second tab gets a name of its own, or the two would fight for one.
 */

const KEY = "puppetcam.session";

/** @returns {Promise<string>} a name nobody guesses: whoever knows it can watch */
export async function sessionName() {
  const fresh = crypto.getRandomValues(new Uint8Array(8)).reduce((s, b) => s + b.toString(16).padStart(2, "0"), "");
  if (!navigator.locks) return fresh; // not a secure context: no camera either
  const alone = await new Promise((resolve) => {
    void navigator.locks.request(KEY, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock && new Promise(() => {}); // held until the tab is closed
    });
  });
  if (!alone) return fresh;
  try {
    const name = localStorage.getItem(KEY) ?? fresh;
    localStorage.setItem(KEY, name);
    return name;
  } catch {
    return fresh; // storage is off
  }
}
