/** The performer's page: wires the source, the link, the avatar and the controls together. */

import { deleteAvatar } from "./api.js";
import { Backdrop } from "./backdrop.js";
import { listCameras, openCamera, openSample } from "./camera.js";
import { countDown } from "./countdown.js";
import { Enrolment } from "./enrolment.js";
import { Gallery } from "./gallery.js";
import { Hud } from "./hud.js";
import { Link } from "./link.js";
import { Notices } from "./notices.js";
import { prefer, preferences } from "./preferences.js";
import { sessionName } from "./session.js";
import { listen } from "./shortcuts.js";
import { stamp } from "./stamper.js";

const $ = (id) => document.getElementById(id);

const POSE = "Sit or stand as the avatar does in its photo.";

const avatar = $("avatar");
const notices = new Notices($("notices"));
const gallery = new Gallery($("gallery"), $("warnings"));
const enrolment = new Enrolment();
const backdrop = new Backdrop();
const hud = new Hud(avatar);
export const link = new Link(() => ({ role: "performer", avatar: gallery.chosen || undefined }));

/** What is performing now. @type {import("./camera.js").Source | null} */
let source = null;
/** Its marked copy while the measurements are open. @type {import("./stamper.js").Stamped | null} */
let stamped = null;

// --- source ---------------------------------------------------------------------------------

async function start(open) {
  notices.clear("source");
  try {
    const next = await open();
    end();
    source = next;
  } catch (error) {
    notices.show("source", "error", error.message, error.hint ?? "");
    return;
  }
  source.track.onended = () => {
    stop();
    notices.show("source", "error", "The camera stopped.", "Was it unplugged? Start it again.");
  };
  $("own").srcObject = new MediaStream([source.track]);
  link.start(trackToSend());
  await showCameras();
  showSource();
}

function end() {
  notices.clear("guide"); // it speaks to who is before the camera
  stamped?.stop();
  stamped = null;
  source?.stop();
  source = null;
}

function stop() {
  end();
  link.stop();
  avatar.srcObject = null;
  $("own").srcObject = null;
  showSource();
}

/** The camera's own track; with the measurements open, its copy with marks. */
function trackToSend() {
  stamped?.stop();
  stamped = hud.open ? stamp(source.track, (number, at) => hud.glass.sent(number, at)) : null;
  return stamped?.track ?? source.track;
}

async function showCameras() {
  const cameras = await listCameras();
  const options = cameras.map(({ deviceId, label }, k) => new Option(label || `Camera ${k + 1}`, deviceId));
  options.push(new Option("Sample performance", "sample"));
  $("camera").replaceChildren(...options);
  const device = source?.track.getSettings().deviceId;
  $("camera").value = source?.kind === "sample" ? "sample" : (device ?? "");
}

function showSource() {
  const on = source !== null;
  $("stop").hidden = !on;
  $("picker").hidden = !on;
  $("preview").hidden = !on;
  if (!on) $("lost").hidden = true;
}

$("start-camera").onclick = () => start(() => openCamera(preferences.camera));
$("start-sample").onclick = () => start(openSample);
$("stop").onclick = stop;
$("camera").onchange = ({ target: { value } }) => {
  if (value === "sample") return start(openSample);
  prefer({ camera: value });
  return start(() => openCamera(value));
};
navigator.mediaDevices?.addEventListener("devicechange", showCameras);
avatar.onresize = () => {
  const { videoWidth, videoHeight } = avatar;
  if (videoHeight) $("house").style.setProperty("--aspect", String(videoWidth / videoHeight));
};

// --- link -----------------------------------------------------------------------------------

const STATES = {
  idle: "Not live",
  connecting: "Connecting",
  live: "Live",
  waiting: "Reconnecting",
  refused: "Refused",
};

link.addEventListener("state", () => {
  const { state, problem } = link;
  $("status").dataset.state = state;
  $("status-text").textContent = STATES[state];
  $("house").dataset.state = state;
  $("calibrate").disabled = state !== "live";
  hud.link(STATES[state].toLowerCase());
  if (state === "live" || state === "idle") notices.clear("link");
  if (state === "waiting" || state === "refused") {
    const action = { label: "Try now", run: () => link.retry() };
    notices.show("link", "error", problem.message, problem.hint, action);
  }
  if (state !== "live") return;
  showStageAddress();
  if (!preferences.calibrated && source?.kind === "camera") {
    const action = { label: "Calibrate", run: calibrate };
    notices.show("guide", "info", "You are live. Next: your neutral pose.", POSE, action);
  }
});

link.addEventListener("track", ({ detail }) => {
  avatar.srcObject = new MediaStream([detail]);
});

link.addEventListener("open", () => {
  // A server that was restarted knows nothing: tell it everything.
  link.send({ type: "background", value: backdrop.value });
  link.send({ type: "mirror", on: preferences.mirror });
  link.send({ type: "mark", on: hud.open });
});

link.addEventListener("control", ({ detail: message }) => {
  if (message.type === "stats") {
    hud.stats(message);
    $("lost").hidden = message.tracking !== false;
  } else if (message.type === "hello") {
    // Chosen while the connection was made: the offer still had another one.
    const name = gallery.chosen;
    if (name && name !== message.avatar) link.send({ type: "avatar", name });
  } else if (message.type === "message") {
    const level = ["warning", "error"].includes(message.level) ? message.level : "info";
    notices.show("server", level, message.text, message.hint ?? "");
  } else if (message.type === "avatar") {
    gallery.busy(message.state === "loading" ? message.name : "");
  }
});

// --- controls -------------------------------------------------------------------------------

function setMirror(on) {
  prefer({ mirror: on });
  $("mirror").setAttribute("aria-pressed", String(on));
  $("preview").classList.toggle("mirrored", on);
  link.send({ type: "mirror", on });
}

async function setHud(on) {
  prefer({ hud: on });
  hud.open = on;
  $("hud-toggle").setAttribute("aria-pressed", String(on));
  link.send({ type: "mark", on });
  if (source) await link.replaceTrack(trackToSend());
}

async function calibrate() {
  if (link.state !== "live") return;
  notices.clear("guide");
  const done = await countDown($("countdown"), POSE, () => link.state === "live");
  if (done && link.send({ type: "calibrate" })) prefer({ calibrated: true });
}

function toggleFullscreen() {
  if (document.fullscreenElement) void document.exitFullscreen();
  else void $("house").requestFullscreen();
}

$("mirror").onclick = () => setMirror(!preferences.mirror);
$("hud-toggle").onclick = () => setHud(!hud.open);
$("calibrate").onclick = calibrate;
$("fullscreen").onclick = toggleFullscreen;
$("help-open").onclick = () => $("help").showModal();
backdrop.addEventListener("change", () => link.send({ type: "background", value: backdrop.value }));

listen({
  m: () => setMirror(!preferences.mirror),
  h: () => setHud(!hud.open),
  c: calibrate,
  f: toggleFullscreen,
  b: () => backdrop.next(),
  "?": () => $("help").showModal(),
  digit: (key) => gallery.chooseAt(Number(key) - 1),
});

// --- avatars --------------------------------------------------------------------------------

gallery.addEventListener("choose", ({ detail: name }) => {
  if (name) {
    prefer({ avatar: name });
    link.send({ type: "avatar", name });
  }
  const { card } = gallery;
  $("delete").hidden = !card || card.bundled;
  $("poster").hidden = !card;
  if (card) $("poster").src = card.thumbnail;
});
$("poster").onload = () => {
  const { width, height } = $("ambient");
  $("ambient").getContext("2d").drawImage($("poster"), 0, 0, width, height);
};
gallery.addEventListener("add", () => enrolment.ask());
enrolment.addEventListener("made", ({ detail: name }) => showAvatars(name || gallery.chosen));

$("delete").onclick = () => {
  $("removal").returnValue = "";
  $("removal").showModal();
};
$("removal").onclose = async () => {
  if ($("removal").returnValue !== "remove") return;
  try {
    await deleteAvatar(gallery.chosen);
    await showAvatars();
  } catch (error) {
    notices.show("avatars", "error", error.message, error.hint);
  }
};

async function showAvatars(wanted) {
  notices.clear("avatars");
  try {
    await gallery.refresh(wanted);
  } catch (error) {
    const action = { label: "Try again", run: () => void showAvatars(wanted) };
    notices.show("avatars", "error", error.message, error.hint, action);
  }
}

// --- on air ---------------------------------------------------------------------------------

function showStageAddress() {
  const address = new URL("stage.html", location.href);
  if (link.session) address.searchParams.set("session", link.session);
  $("open-stage").href = address.href;
  address.searchParams.set("alpha", "1");
  $("obs").value = address.href;
}

$("obs").onfocus = () => $("obs").select();
$("copy").onclick = async () => {
  try {
    await navigator.clipboard.writeText($("obs").value);
    notices.show("copy", "info", "The address is copied.", "In OBS: Sources, +, Browser, URL.");
  } catch {
    $("obs").select();
    notices.show("copy", "warning", "The browser kept the clipboard.", "Press Ctrl+C or ⌘C now.");
  }
};

// The server hears of it at once, and need not wait for silence.
window.addEventListener("pagehide", () => link.stop());

// --- begin ----------------------------------------------------------------------------------

setMirror(preferences.mirror);
link.session = await sessionName();
showStageAddress();
await setHud(preferences.hud);
await showAvatars(preferences.avatar);
