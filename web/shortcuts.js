/** Single keys, except where the user types or a dialog is open. */

/** @param {Record<string, (key: string) => void>} keys by lower-case key; "digit" stands for 1 to 9 */
export function listen(keys) {
  window.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.target.matches?.("input:not([type=radio], [type=color]), select, textarea")) return;
    const key = event.key.toLowerCase();
    const run = /^[1-9]$/.test(key) ? keys.digit : keys[key];
    if (!run) return;
    event.preventDefault();
    run(key);
  });
}
