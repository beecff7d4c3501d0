/**
 * Packed alpha: the colours above, their alpha below as grey, in one frame of double height.
 * Drawn with WebGL2 onto a transparent canvas.
 */

import { Problem } from "./problem.js";

const VERTEX = `#version 300 es
out vec2 at;
void main() {
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
  at = vec2(corner.x, 1.0 - corner.y);
  gl_Position = vec4(corner * 2.0 - 1.0, 0.0, 1.0);
}`;

const FRAGMENT = `#version 300 es
precision highp float;
in vec2 at;
out vec4 colour;
uniform sampler2D frame;
uniform vec2 texel; // of one half
void main() {
  vec2 inside = clamp(at, texel, 1.0 - texel); // one texel off the seam: the halves must not mix
  vec2 top = inside * vec2(1.0, 0.5);
  float alpha = texture(frame, top + vec2(0.0, 0.5)).g;
  alpha = clamp((alpha - 0.02) / 0.96, 0.0, 1.0); // the codec rounds pure black and white
  colour = vec4(texture(frame, top).rgb * alpha, alpha); // premultiplied, as the canvas wants it
}`;

export class AlphaCanvas {
  #gl;
  #texel;

  /** @param {HTMLCanvasElement} canvas @throws {Problem} without WebGL2 */
  constructor(canvas) {
    const gl = canvas.getContext("webgl2", { alpha: true, premultipliedAlpha: true, antialias: false });
    if (!gl) {
      throw new Problem(
        "This browser has no WebGL2, so the stage cannot be transparent.",
        "In OBS: Settings, Advanced, enable browser source hardware acceleration; or drop alpha=1.",
      );
    }
    this.#gl = gl;
    const program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) {
      throw new Problem("The stage's shader failed.", gl.getProgramInfoLog(program) ?? "");
    }
    gl.useProgram(program);
    this.#texel = gl.getUniformLocation(program, "texel");
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) {
      gl.texParameteri(gl.TEXTURE_2D, side, gl.CLAMP_TO_EDGE);
    }
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
  }

  /** @param {HTMLVideoElement} video its present frame is drawn */
  draw(video) {
    const gl = this.#gl;
    const width = video.videoWidth;
    const height = video.videoHeight / 2;
    if (gl.canvas.width !== width || gl.canvas.height !== height) {
      gl.canvas.width = width;
      gl.canvas.height = height;
      gl.viewport(0, 0, width, height);
      gl.uniform2f(this.#texel, 1 / width, 1 / height);
    }
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, video);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }
}
