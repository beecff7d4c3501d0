/** Where the performer's picture comes from: a camera, or the sample performance. */

import { Problem } from "./problem.js";
import { copyOf } from "./stamper.js";

const SIZE = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } };

/**
 * @typedef {{kind: "camera" | "sample", track: MediaStreamTrack, label: string, stop: () => void}} Source
 */

/** @param {string} [device] a camera's id; the browser's choice without @returns {Promise<Source>} */
export async function openCamera(device) {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Problem(
      "This browser keeps the camera from this page.",
      "Cameras work on localhost and on https pages only. Open http://localhost with the same port " +
        "on the computer that runs puppetcam, or start it with --cert and --key.",
    );
  }
  const video = device ? { ...SIZE, deviceId: { exact: device } } : SIZE;
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video });
  } catch (error) {
    if (error.name === "OverconstrainedError" && device) return openCamera(); // it was unplugged
    throw explain(error);
  }
  const [track] = stream.getVideoTracks();
  track.contentHint = "motion";
  return { kind: "camera", track, label: track.label, stop: () => track.stop() };
}

/** @param {DOMException} error of getUserMedia @returns {Problem} */
export function explain(error) {
  switch (error.name) {
    case "NotAllowedError":
      return new Problem(
        "The browser may not use the camera.",
        "Click the camera symbol in the address bar, choose Allow, then start again. " +
          "On macOS and Windows the system's privacy settings must allow it too.",
      );
    case "NotFoundError":
    case "OverconstrainedError":
      return new Problem(
        "No camera was found.",
        "Plug one in and start again, or play the sample performance.",
      );
    case "NotReadableError":
    case "AbortError":
      return new Problem(
        "The camera is busy.",
        "Another program holds it (OBS, a video call, another tab). Close that, then start again.",
      );
    default:
      return new Problem("The camera did not start.", `The browser says: ${error.message}`);
  }
}

/** @returns {Promise<MediaDeviceInfo[]>} the cameras, named once the browser may use one */
export async function listCameras() {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return devices.filter((device) => device.kind === "videoinput" && device.deviceId);
}

/** @returns {Promise<Source>} a recorded performance in a loop */
export async function openSample() {
  const video = document.createElement("video");
  video.muted = true;
  video.loop = true;
  video.playsInline = true;
  video.src = "sample.mp4";
  try {
    await video.play();
  } catch (error) {
    throw new Problem(
      "The sample performance cannot be played.",
      video.error?.code === MediaError.MEDIA_ERR_SRC_NOT_SUPPORTED
        ? "web/sample.mp4 is missing, or this browser cannot play H.264. Use your camera instead."
        : `The browser says: ${error.message}`,
    );
  }
  // Its own capture goes on in a hidden tab; where there is none, a canvas has to do.
  const track = video.captureStream?.().getVideoTracks()[0] ?? copyOf(video).track;
  track.contentHint = "motion";
  return {
    kind: "sample",
    track,
    label: "Sample performance",
    stop() {
      track.stop();
      video.pause();
      video.removeAttribute("src");
      video.load();
    },
  };
}
