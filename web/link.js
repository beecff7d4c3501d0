/** One WebRTC connection to the server that comes back by itself. */

import { postOffer } from "./api.js";
import { Problem } from "./problem.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;
/** ICE calls a short gap "disconnected"; it often heals within this time. */
const GRACE_MS = 2000;
const WATCH_MS = 1000;
/** No packet for this long: the server is gone, though ICE may take half a minute to say so. */
const SILENCE_MS = 4000;
const MAX_BITRATE = 2_500_000;

/**
 * How long to wait before the next attempt.
 * @param {number} attempt 0 for the first @param {number} chance 0..1, spreads the clients
 * @returns {number} ms
 */
export function backOff(attempt, chance) {
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt) * (0.75 + 0.5 * chance);
}

/** H264 baseline first, then VP8: what the server encodes cheaply. */
export function preferred(codecs) {
  const rank = (codec) => {
    const kind = codec.mimeType.toLowerCase();
    const line = codec.sdpFmtpLine ?? "";
    if (kind === "video/h264") {
      return /profile-level-id=42/i.test(line) && /packetization-mode=1/.test(line) ? 0 : -1;
    }
    return ["video/vp8", "video/rtx"].indexOf(kind) + 1 || -1;
  };
  return codecs.filter((codec) => rank(codec) >= 0).sort((a, b) => rank(a) - rank(b));
}

/**
 * Events: "state" (see state and problem), "track" (detail: the video track), "control"
 * (detail: a message from the server), "open" (the control channel is ready).
 */
export class Link extends EventTarget {
  /** @type {"idle" | "connecting" | "live" | "waiting" | "refused"} */
  state = "idle";
  /** What stands in the way. @type {Problem | null} */
  problem = null;
  /** The performance's name on the server. @type {string | undefined} */
  session;

  #offer;
  /** @type {RTCPeerConnection | null} */
  #peer = null;
  /** @type {RTCDataChannel | null} */
  #control = null;
  /** @type {MediaStreamTrack | null} */
  #track = null;
  #attempt = 0;
  #timer = 0;
  #watch = 0;

  /** @param {() => object} offer what goes into each offer beside sdp, type and session */
  constructor(offer) {
    super();
    this.#offer = offer;
  }

  /** Connect, and stay connected until stop(). @param {MediaStreamTrack | null} track what to send */
  start(track) {
    this.stop();
    this.#track = track;
    this.#attempt = 0;
    void this.#connect();
  }

  stop() {
    this.#drop();
    this.#become("idle");
  }

  /** Send another track from now on. @param {MediaStreamTrack} track */
  async replaceTrack(track) {
    this.#track = track;
    await this.#peer?.getSenders()[0]?.replaceTrack(track);
  }

  /** Tell the server something; false if there is no open channel. @param {object} message */
  send(message) {
    if (this.#control?.readyState !== "open") return false;
    this.#control.send(JSON.stringify(message));
    return true;
  }

  /** Connect now instead of after the wait. */
  retry() {
    this.#drop();
    void this.#connect();
  }

  #become(state, problem = null) {
    this.state = state;
    this.problem = problem;
    this.dispatchEvent(new Event("state"));
  }

  #drop() {
    clearTimeout(this.#timer);
    clearInterval(this.#watch);
    this.#control = null;
    const peer = this.#peer;
    this.#peer = null; // first: its events are no longer ours
    peer?.close();
  }

  #lost(problem) {
    this.#drop();
    const wait = backOff(this.#attempt++, Math.random());
    this.#timer = setTimeout(() => void this.#connect(), wait);
    this.#become("waiting", problem);
  }

  async #connect() {
    const peer = new RTCPeerConnection({ iceServers: [] });
    this.#peer = peer;
    this.#become("connecting", this.problem);
    try {
      await this.#prepare(peer);
      await peer.setLocalDescription();
      await gathered(peer);
      if (peer !== this.#peer) return;
      const { sdp, type } = peer.localDescription;
      const answer = await postOffer({ ...this.#offer(), sdp, type, session: this.session });
      if (peer !== this.#peer) return;
      this.session = answer.session;
      await peer.setRemoteDescription({ sdp: answer.sdp, type: answer.type });
    } catch (error) {
      if (peer !== this.#peer) return;
      const problem = error instanceof Problem ? error : new Problem(String(error));
      if (problem.status === 400) {
        this.#drop(); // the same offer would be refused again
        this.#become("refused", problem);
      } else this.#lost(problem);
    }
  }

  async #prepare(peer) {
    peer.ontrack = ({ track, receiver }) => {
      if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
      if ("playoutDelayHint" in receiver) receiver.playoutDelayHint = 0;
      receiver.transport.onstatechange = () => {
        if (peer !== this.#peer || receiver.transport.state !== "closed") return;
        this.#lost(new Problem("The server closed the connection."));
      };
      this.dispatchEvent(new CustomEvent("track", { detail: track }));
    };
    peer.onconnectionstatechange = () => this.#follow(peer);
    const transceiver = this.#track
      ? peer.addTransceiver(this.#track, {
          direction: "sendrecv",
          sendEncodings: [{ maxBitrate: MAX_BITRATE }],
        })
      : peer.addTransceiver("video", { direction: "recvonly" });
    const codecs = preferred(RTCRtpReceiver.getCapabilities("video")?.codecs ?? []);
    if (codecs.length) transceiver.setCodecPreferences?.(codecs);
    if (!this.#track) return;
    const parameters = transceiver.sender.getParameters();
    parameters.degradationPreference = "maintain-framerate";
    await transceiver.sender.setParameters(parameters);
    this.#listen(peer, peer.createDataChannel("control"));
  }

  #listen(peer, channel) {
    channel.onopen = () => {
      if (peer !== this.#peer) return;
      this.#control = channel;
      this.dispatchEvent(new Event("open"));
    };
    channel.onmessage = ({ data }) => {
      if (peer !== this.#peer) return;
      this.dispatchEvent(new CustomEvent("control", { detail: JSON.parse(data) }));
    };
  }

  #follow(peer) {
    if (peer !== this.#peer) return;
    const gone = new Problem("The connection to the server was lost.");
    if (peer.connectionState === "connected") {
      this.#attempt = 0;
      this.#listenForSilence(peer);
      this.#become("live");
    } else if (peer.connectionState === "failed" || peer.connectionState === "closed") {
      this.#lost(gone);
    } else if (peer.connectionState === "disconnected") {
      setTimeout(() => {
        if (peer === this.#peer && peer.connectionState === "disconnected") this.#lost(gone);
      }, GRACE_MS);
    }
  }

  #listenForSilence(peer) {
    let packets = -1;
    let heard = performance.now();
    clearInterval(this.#watch);
    this.#watch = setInterval(async () => {
      let count = 0;
      for (const report of (await peer.getStats()).values()) {
        if (report.type === "transport") count += report.packetsReceived ?? 0;
      }
      if (peer !== this.#peer) return;
      const now = performance.now();
      if (count !== packets) heard = now;
      packets = count;
      if (now - heard > SILENCE_MS) this.#lost(new Problem("The server fell silent."));
    }, WATCH_MS);
  }
}

/** Wait until the offer holds its addresses: the server takes whole offers only. */
function gathered(peer) {
  if (peer.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    setTimeout(resolve, 1500);
    peer.addEventListener("icegatheringstatechange", () => {
      if (peer.iceGatheringState === "complete") resolve();
    });
  });
}
