// The nearest triangle at every pixel centre: engines/kernels/raster.py.
//
// A warp draws one triangle, 8 lines of 4 pixels at a time: a write of 4 keys is a sector of memory.
// placed: float4 (N) px, px, depth; faces: int4 (F) of three points and 2 * sheet + ragged; sheets:
// one per mesh, see Sheet; box: int4 per sheet; texels, flow: see paint.cu. nearest: u64, the rasters of
// all sheets, EMPTY to begin with: depth, made to compare as a number, above the triangle. The least
// key is the nearest triangle, of equals the first, as in the CPU's order.
struct alignas(16) Sheet {
    int canvas;        // where the sheet's raster begins in ``nearest``
    int fine;          // how much finer than the picture it is: 1 textures, 2 colours without backs
    int first;         // the first triangle of those that share its planes
    int texture;       // where its texels begin; -1: corner colours
    int width, height; // of its texture
    int unused[2];
};

#define FAR 1e9f
#define SMALLEST 0.02f
#define SLACK 1e-3f
#define SOLID 250u
#define BEYOND 1e3f
#define LINES 8
#define COLUMNS 4

struct Bound { // x = at + slope * dy
    float at, slope;
    __device__ float operator()(float dy) const { return at + slope * dy; }
};

// The least alpha, 0..255, of the four texels that a pixel is sampled from.
static __device__ unsigned alpha_at(
    const Sheet& sheet, const unsigned* texels, const float4* flow, int x, int y) {
    float4 p = flow[0], q = flow[1];
    float dx = (float)x + 0.5f - p.x, dy = (float)y + 0.5f - p.y;
    int u = (int)floorf(p.z + p.w * dx + q.x * dy - 0.5f);
    int v = (int)floorf(q.y + q.z * dx + q.w * dy - 0.5f);
    int right = sheet.width - 1, bottom = sheet.height - 1;
    int u0 = min(max(u, 0), right), u1 = min(max(u, -1) + 1, right);
    const unsigned* above = texels + sheet.texture + min(max(v, 0), bottom) * sheet.width;
    const unsigned* below = texels + sheet.texture + min(max(v, -1) + 1, bottom) * sheet.width;
    return min(min(above[u0], above[u1]), min(below[u0], below[u1])) >> 24; // alpha is on top
}

extern "C" __global__ void raster(
    int count, const float4* placed, const int4* faces, const Sheet* sheets, const int4* box,
    const unsigned* texels, const float4* flow, int width, u64* nearest) {
    int f = thread_x() / (LINES * COLUMNS), lane = thread_x() % (LINES * COLUMNS);
    if (f >= count) return;
    int4 face = faces[f];
    Sheet sheet = sheets[face.w >> 1];
    int4 limit = box[face.w >> 1];
    bool ragged = face.w & 1;
    float4 a = placed[face.x], b = placed[face.y], c = placed[face.z];
    float x1 = b.x - a.x, y1 = b.y - a.y, x2 = c.x - a.x, y2 = c.y - a.y;
    float area = x1 * y2 - x2 * y1;
    if ((sheet.fine > 1 && area >= 0) || fabsf(area) < SMALLEST) return;
    float highest = a.y + fminf(fminf(y1, y2), 0) - 0.5f - SLACK;
    float lowest = a.y + fmaxf(fmaxf(y1, y2), 0) - 0.5f + SLACK;
    int top = (int)ceilf(fmaxf(highest, (float)limit.y));
    int bottom = (int)floorf(fminf(lowest, (float)(limit.w - 1))) + 1;
    if (top >= bottom) return;
    float inverse = 1.0f / area;
    float z1 = (b.z - a.z) * inverse, z2 = (c.z - a.z) * inverse;
    float zx = z1 * y2 - z2 * y1, zy = z2 * x1 - z1 * x2;
    // A line of pixels enters past two edges and leaves before two.
    Bound in = {fminf(fminf(x1, x2), 0) - SLACK, 0}, in2 = in;
    Bound out = {fmaxf(fmaxf(x1, x2), 0) + SLACK, 0}, out2 = out;
#pragma unroll
    for (int k = 0; k < 3; k++) {
        float ax = k == 0 ? 0 : k == 1 ? x1 : x2, ay = k == 0 ? 0 : k == 1 ? y1 : y2;
        float run = k == 0 ? x1 : k == 1 ? x2 - x1 : -x2, rise = k == 0 ? y1 : k == 1 ? y2 - y1 : -y2;
        if (rise == 0) continue;
        float slope = run / rise, at = ax - ay * slope;
        if ((rise > 0) == (area > 0)) {
            out2 = out;
            out = {at + SLACK, slope};
        } else {
            in2 = in;
            in = {at - SLACK, slope};
        }
    }
    float shift = a.x - 0.5f;
    float left = (float)limit.x, right = (float)(limit.z - 1);
    u64* canvas = nearest + sheet.canvas;
    for (int y = top + lane / COLUMNS; y < bottom; y += LINES) {
        float dy = (float)y + 0.5f - a.y;
        float enter = fmaxf(fmaxf(in(dy), in2(dy)) + shift, left);
        float leave = fminf(fminf(out(dy), out2(dy)) + shift, right);
        if (!(enter <= leave)) continue;
        float here = a.z + zy * dy - zx * shift;
        u64* row = canvas + (u64)y * (sheet.fine * width);
        int last = (int)floorf(leave);
        for (int x = (int)ceilf(enter) + lane % COLUMNS; x <= last; x += COLUMNS) {
            float z = here + zx * (float)x;
            if (ragged && alpha_at(sheet, texels, flow + 2 * (f - sheet.first), x, y) < SOLID) z += BEYOND;
            if (z < FAR) atomicMin(row + x, key_of(z, f));
        }
    }
}
