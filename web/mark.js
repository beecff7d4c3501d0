/**
 * The mark: a number written into a picture so that one frame can be followed from the camera to
 * the screen. 16 cells lie along the top: 12 bits of number and 4 bits of check, lowest bit first.
 * Cell k spans (k + 2) / 20 to (k + 3) / 20 of the width and 1 / 15 of the height; white is 1.
 */

export const CELLS = 16;
export const NUMBERS = 4096;
const COLUMNS = 20;
const ROWS = 15;
/** Grey levels (0..255) that count as black and as white; anything between is not a mark. */
const BLACK = 90;
const WHITE = 165;

/** @param {number} number 0..4095 @returns {number} its check, 0..15 */
function check(number) {
  return (number & 15) ^ ((number >> 4) & 15) ^ ((number >> 8) & 15) ^ 0b1010;
}

/** @param {number} number 0..4095 @returns {boolean[]} 16 cells, true is white */
export function encode(number) {
  const word = number | (check(number) << 12);
  return Array.from({ length: CELLS }, (_, k) => ((word >> k) & 1) === 1);
}

/**
 * @param {number[]} levels grey level (0..255) at the centre of each of the 16 cells
 * @returns {number | null} the number, or null where there is no mark
 */
export function decode(levels) {
  if (levels.some((level) => level > BLACK && level < WHITE)) return null;
  const word = levels.reduce((sum, level, k) => sum | ((level >= WHITE ? 1 : 0) << k), 0);
  const number = word & 0xfff;
  return word >> 12 === check(number) ? number : null;
}

/**
 * Write a mark into a picture.
 * @param {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} context
 * @param {number} number 0..4095
 */
export function draw(context, number) {
  const { width, height } = context.canvas;
  encode(number).forEach((white, k) => {
    const left = Math.round(((k + 2) * width) / COLUMNS);
    const right = Math.round(((k + 3) * width) / COLUMNS);
    context.fillStyle = white ? "#fff" : "#000";
    context.fillRect(left, 0, right - left, Math.round(height / ROWS));
  });
}

/** Reads marks out of pictures; one reader keeps one small canvas. */
export class MarkReader {
  #context;

  constructor() {
    const canvas = document.createElement("canvas");
    canvas.width = COLUMNS * 4;
    canvas.height = 1;
    this.#context = canvas.getContext("2d", { willReadFrequently: true });
  }

  /**
   * @param {CanvasImageSource} picture a video, canvas or image
   * @param {number} width its width in px
   * @param {number} height its height in px
   * @returns {number | null} the number in its mark
   */
  read(picture, width, height) {
    // The middle half of the strip, squeezed to four pixels a cell: the third one is the centre.
    const cell = height / ROWS;
    this.#context.drawImage(picture, 0, cell / 4, width, cell / 2, 0, 0, COLUMNS * 4, 1);
    const { data } = this.#context.getImageData(0, 0, COLUMNS * 4, 1);
    const green = (k) => data[((k + 2) * 4 + 2) * 4 + 1];
    return decode(Array.from({ length: CELLS }, (_, k) => green(k)));
  }
}

/**
 * The number in the mark of a video's present frame, read from its luma alone: a canvas would
 * convert the whole picture, a sixth of a core at 30 frames per second. For browsers with WebCodecs.
 * @param {HTMLVideoElement} video
 * @returns {Promise<number | null>}
 */
export async function readLuma(video) {
  const frame = new VideoFrame(video);
  try {
    const { width, height } = frame.visibleRect;
    const y = Math.floor(height / ROWS / 4) * 2; // the strip's middle, even as chroma needs it
    const row = { x: frame.visibleRect.x, y: frame.visibleRect.y + y, width, height: 2 };
    const luma = new Uint8Array(frame.allocationSize({ rect: row }));
    const [plane] = await frame.copyTo(luma, { rect: row });
    const level = (k) => luma[plane.offset + Math.floor(((k + 2.5) * width) / COLUMNS)];
    return decode(Array.from({ length: CELLS }, (_, k) => level(k)));
  } finally {
    frame.close();
  }
}
