/**
 * A photo becomes an avatar: choose, drop or paste it, name it, watch the progress.
 * Events: "made" (detail: the new avatar's name).
 */

import { getJob, postAvatar } from "./api.js";
import { list } from "./gallery.js";
import { words } from "./notices.js";
import { Problem } from "./problem.js";

const POLL_MS = 300;

/** @param {string} file a file's name @returns {string} an avatar's name: a-z, 0-9, - */
export function nameFrom(file) {
  const stem = file.replace(/\.[^.]*$/, "").normalize("NFKD").toLowerCase();
  return stem.replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 40) || "me";
}

const $ = (id) => document.getElementById(id);

export class Enrolment extends EventTarget {
  #dialog = $("enrolment");
  #file = $("file");
  /** @type {Blob | null} */
  #photo = null;
  /** The avatar that is ready, while its warnings are shown. */
  #made = "";
  /** Counts the attempts: an answer for an earlier one is ignored. */
  #run = 0;

  constructor() {
    super();
    this.#file.onchange = () => {
      if (this.#file.files.length) this.open(this.#file.files[0]);
      this.#file.value = ""; // the same file may be chosen again
    };
    $("enrol-other").onclick = () => this.ask();
    $("enrol-cancel").onclick = () => this.#dialog.close();
    this.#dialog.onclose = () => this.#run++;
    this.#dialog.querySelector("form").onsubmit = (event) => {
      event.preventDefault();
      if (this.#made) this.#finish();
      else void this.#enrol();
    };
    this.#acceptDrops();
    window.addEventListener("paste", (event) => {
      const photo = pictureIn(event.clipboardData);
      if (photo) this.open(photo);
    });
  }

  /** Open the file picker. */
  ask() {
    this.#file.click();
  }

  /** @param {File} photo */
  open(photo) {
    this.#photo = photo;
    this.#show("ready");
    const preview = $("enrol-photo");
    URL.revokeObjectURL(preview.src);
    preview.src = URL.createObjectURL(photo);
    $("enrol-name").value = nameFrom(photo.name);
    if (!this.#dialog.open) this.#dialog.showModal();
    $("enrol-name").select();
  }

  async #enrol() {
    const run = ++this.#run;
    this.#show("running");
    try {
      const id = await postAvatar($("enrol-name").value, this.#photo);
      let job = await getJob(id);
      while (job.state === "running" && run === this.#run) {
        $("enrol-stage").textContent = job.stage;
        $("enrol-bar").value = job.progress;
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
        job = await getJob(id);
      }
      if (job.state === "failed") throw new Problem(job.error, job.hint);
      if (run !== this.#run) {
        // The dialog was closed meanwhile: the avatar is there all the same, but not put on.
        if (job.state === "done") this.dispatchEvent(new CustomEvent("made", { detail: "" }));
        return;
      }
      this.#made = job.avatar;
      if (!job.warnings.length) return this.#finish();
      this.#show("made");
      list($("enrol-warnings"), job.warnings);
    } catch (error) {
      if (run !== this.#run) return;
      this.#show("failed");
      $("enrol-problem").replaceChildren(words(error.message, error.hint ?? ""));
    }
  }

  #finish() {
    const name = this.#made;
    this.#dialog.close();
    this.dispatchEvent(new CustomEvent("made", { detail: name }));
  }

  /** @param {"ready" | "running" | "made" | "failed"} state */
  #show(state) {
    if (state !== "made") this.#made = "";
    $("enrol-name").disabled = state === "running" || state === "made";
    $("enrol-make").disabled = state === "running";
    $("enrol-make").textContent = state === "made" ? "Use it" : "Make avatar";
    $("enrol-other").hidden = state === "running" || state === "made";
    $("enrol-cancel").textContent = state === "made" ? "Close" : "Cancel";
    $("enrol-advice").hidden = state !== "ready";
    $("enrol-progress").hidden = state !== "running";
    $("enrol-problem").hidden = state !== "failed";
    $("enrol-warnings").hidden = state !== "made";
    if (state === "running") {
      $("enrol-bar").value = 0;
      $("enrol-stage").textContent = "Sending the photo";
    }
  }

  #acceptDrops() {
    const veil = $("drop");
    let depth = 0; // dragenter and dragleave come once per element under the pointer
    const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
    window.addEventListener("dragenter", (event) => {
      if (hasFiles(event)) veil.hidden = ++depth === 0;
    });
    window.addEventListener("dragleave", (event) => {
      if (hasFiles(event)) veil.hidden = --depth <= 0;
    });
    window.addEventListener("dragover", (event) => {
      if (hasFiles(event)) event.preventDefault();
    });
    window.addEventListener("drop", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      depth = 0;
      veil.hidden = true;
      const [file] = event.dataTransfer.files;
      if (file) this.open(file); // the server says what is wrong with a file that is no picture
    });
  }
}

/** @param {DataTransfer | null} data @returns {File | undefined} the first picture in it */
function pictureIn(data) {
  return [...(data?.files ?? [])].find((file) => file.type.startsWith("image/"));
}
