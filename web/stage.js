/**
 * The clean feed for an OBS browser source.
 * ?session=NAME one performance (without: the newest), ?alpha=1 transparent, ?fit=contain|cover.
 * It shows the avatar or nothing, reconnects for ever, and says what is wrong in the console only.
 */

import { AlphaCanvas } from "./alpha.js";
import { Link } from "./link.js";

/** After an offer that was refused for good, try again all the same: nobody is there to click. */
const AGAIN_MS = 5000;

const query = new URLSearchParams(location.search);
const wantsAlpha = query.get("alpha") === "1";
const session = query.get("session") ?? undefined;
const feed = document.getElementById("feed");
const cutout = document.getElementById("cutout");
document.body.classList.toggle("cover", query.get("fit") === "cover");
document.body.classList.toggle("alpha", wantsAlpha);
cutout.hidden = !wantsAlpha;

const canvas = wantsAlpha ? new AlphaCanvas(cutout) : null;
const link = new Link(() => ({ role: "viewer", alpha: wantsAlpha }));

link.addEventListener("track", ({ detail }) => {
  feed.srcObject = new MediaStream([detail]);
});

link.addEventListener("state", () => {
  // The browser paints an ended track black: an empty stage is better on air.
  document.body.classList.toggle("empty", link.state !== "live");
  if (link.state === "live") return;
  link.session = session; // without a name: whichever is newest by then
  if (link.problem) console.info(link.problem.message, link.problem.hint);
  if (link.state === "refused") setTimeout(() => link.retry(), AGAIN_MS);
});

function draw() {
  canvas.draw(feed);
  feed.requestVideoFrameCallback(draw);
}
if (canvas) feed.requestVideoFrameCallback(draw);
cutout.addEventListener("webglcontextlost", () => location.reload());

window.addEventListener("pagehide", () => link.stop());
link.session = session;
link.start(null);
