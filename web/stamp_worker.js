/** Copies camera frames from one stream to another and writes a mark into one a second. */

import { NUMBERS, draw } from "./mark.js";

const EVERY_MS = 1000;

self.onmessage = async ({ data: { readable, writable } }) => {
  const canvas = new OffscreenCanvas(1, 1);
  const context = canvas.getContext("2d", { alpha: false });
  let number = Math.floor(Math.random() * NUMBERS);
  let last = 0;
  const stamp = new TransformStream({
    transform(frame, controller) {
      const now = performance.now();
      if (now - last < EVERY_MS) return controller.enqueue(frame);
      last = now;
      number = (number + 1) % NUMBERS;
      canvas.width = frame.displayWidth;
      canvas.height = frame.displayHeight;
      context.drawImage(frame, 0, 0);
      draw(context, number);
      const { timestamp } = frame;
      frame.close();
      controller.enqueue(new VideoFrame(canvas, { timestamp }));
      self.postMessage({ number, at: performance.timeOrigin + now });
    },
  });
  // Ends when the camera stops or the page closes either side: nothing is left to clean up.
  await readable.pipeThrough(stamp).pipeTo(writable).catch(() => self.close());
};
