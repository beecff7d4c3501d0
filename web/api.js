/** The server's HTTP side. Every failure is a Problem. */

import { Problem } from "./problem.js";

/**
 * @typedef {{name: string, thumbnail: string, warnings: string[], note: string,
 *   bundled: boolean}} AvatarCard
 * @typedef {{state: "running" | "done" | "failed", progress: number, stage: string,
 *   warnings: string[], error: string, hint: string, avatar: string | null}} Job
 */

/** @param {string} path @param {RequestInit} [options] @returns {Promise<any>} the JSON answer */
async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Problem("The server does not answer.", "Is puppetcam serve still running?");
  }
  const body = await answer.json().catch(() => null);
  if (answer.ok) return body;
  throw new Problem(
    body?.error ?? `The server answered ${answer.status}.`,
    body?.hint ?? "The terminal that runs puppetcam serve says more.",
    answer.status,
  );
}

/** @param {object} offer @returns {Promise<{sdp: string, type: "answer", session: string}>} */
export function postOffer(offer) {
  const headers = { "content-type": "application/json" };
  return ask("api/offer", { method: "POST", headers, body: JSON.stringify(offer) });
}

/** @returns {Promise<AvatarCard[]>} */
export function getAvatars() {
  return ask("api/avatars");
}

/** @param {string} name @param {Blob} photo @returns {Promise<string>} the job's id */
export async function postAvatar(name, photo) {
  const path = `api/avatars?name=${encodeURIComponent(name)}`;
  return (await ask(path, { method: "POST", body: photo })).job;
}

/** @param {string} name */
export function deleteAvatar(name) {
  return ask(`api/avatars/${encodeURIComponent(name)}`, { method: "DELETE" });
}

/** @param {string} id @returns {Promise<Job>} */
export function getJob(id) {
  return ask(`api/jobs/${encodeURIComponent(id)}`);
}
