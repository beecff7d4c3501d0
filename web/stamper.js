/** A copy of the camera's track in which one frame a second carries a mark. */

import { NUMBERS, draw } from "./mark.js";

const EVERY_MS = 1000;

/**
 * @typedef {{track: MediaStreamTrack, stop: () => void}} Stamped
 * @param {MediaStreamTrack} track
 * @param {(number: number, at: number) => void} sent called for each mark; at is when its frame
 *   reached us, on the clock of performance.now()
 * @returns {Stamped}
 */
export function stamp(track, sent) {
  const stamped = "MediaStreamTrackGenerator" in window ? inWorker(track, sent) : onCanvas(track, sent);
  stamped.track.contentHint = "motion";
  return stamped;
}

/** Frames stay off the page's own thread (Chromium). */
function inWorker(track, sent) {
  const worker = new Worker("stamp_worker.js", { type: "module" });
  worker.onmessage = ({ data }) => sent(data.number, data.at - performance.timeOrigin);
  const source = track.clone();
  const { readable } = new MediaStreamTrackProcessor({ track: source });
  const generator = new MediaStreamTrackGenerator({ kind: "video" });
  const { writable } = generator;
  worker.postMessage({ readable, writable }, [readable, writable]);
  return {
    track: generator,
    stop() {
      source.stop();
      generator.stop();
      worker.terminate();
    },
  };
}

/** Every frame through a canvas: slower, for browsers without track processors. */
function onCanvas(track, sent) {
  let number = Math.floor(Math.random() * NUMBERS);
  let last = 0;
  const video = document.createElement("video");
  video.muted = true;
  video.srcObject = new MediaStream([track]);
  const copy = copyOf(video, (context) => {
    const now = performance.now();
    if (now - last < EVERY_MS) return;
    last = now;
    number = (number + 1) % NUMBERS;
    draw(context, number);
    sent(number, now);
  });
  void video.play();
  return copy;
}

/**
 * What a video shows, as a track.
 * @param {HTMLVideoElement} video
 * @param {(context: CanvasRenderingContext2D) => void} [onFrame] may draw on each frame
 * @returns {Stamped}
 */
export function copyOf(video, onFrame = () => {}) {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { alpha: false });
  let running = true;
  const step = () => {
    if (!running) return;
    if (canvas.width !== video.videoWidth || canvas.height !== video.videoHeight) {
      canvas.width = video.videoWidth;
      canvas.height = video.videoHeight;
    }
    context.drawImage(video, 0, 0);
    onFrame(context);
    video.requestVideoFrameCallback(step);
  };
  video.requestVideoFrameCallback(step);
  const [track] = canvas.captureStream().getVideoTracks();
  return {
    track,
    stop() {
      running = false;
      track.stop();
    },
  };
}
