/**
 * The clean feed for an OBS browser source.
 * ?session=NAME one performance (without: the newest), ?alpha=1 transparent, ?fit=contain|cover.
 * It shows nothing but the avatar, reconnects for ever, and says what is wrong in the console only.
 */

import { AlphaCanvas } from "./alpha.js";
import { Link } from "./link.js";

/** A lost performance stays on the picture this long, then the stage is empty. */
const HOLD_MS = 3000;

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
let leaving = 0;

link.addEventListener("track", ({ detail }) => {
  feed.srcObject = new MediaStream([detail]);
});

link.addEventListener("state", () => {
  if (link.state === "live") {
    clearTimeout(leaving);
    leaving = 0;
    return;
  }
  link.session = session; // without a name: whichever is newest by then
  if (link.state === "refused") setTimeout(() => link.retry(), HOLD_MS);
  if (link.problem) console.info(link.problem.message, link.problem.hint);
  leaving ||= setTimeout(() => {
    feed.srcObject = null;
    canvas?.clear();
  }, HOLD_MS);
});

function draw() {
  canvas.draw(feed);
  feed.requestVideoFrameCallback(draw);
}
if (canvas) feed.requestVideoFrameCallback(draw);

link.session = session;
link.start(null);
