// Values at corners as affine functions of the pixel: engines/kernels/planes.py.
//
// placed: float4 (N) px; faces: int4 (F), of which three points are read; out: f32 (F, 8) of x0, y0
// and start, right, down of two values, or (F, 16) of four, the last two unused.
struct Affine {
    float x0, y0, x1, y1, x2, y2, inverse;
    __device__ Affine(float4 a, float4 b, float4 c)
        : x0(a.x), y0(a.y), x1(b.x - a.x), y1(b.y - a.y), x2(c.x - a.x), y2(c.y - a.y) {
        // Not fused: two corners in one place would leave a rest of the rounding as an area.
        float area = __fmul_rn(x1, y2) - __fmul_rn(x2, y1);
        inverse = area == 0 ? 0 : 1.0f / area;
    }
    // start, right, down
    __device__ float3 of(float a, float b, float c) const {
        float d1 = (b - a) * inverse, d2 = (c - a) * inverse;
        return make_float3(a, d1 * y2 - d2 * y1, d2 * x1 - d1 * x2);
    }
};

// values: float2 (N), texture px.
extern "C" __global__ void planes_texture(
    int count, const float4* placed, const int4* faces, const float2* values, float4* out) {
    int f = thread_x();
    if (f >= count) return;
    int4 face = faces[f];
    Affine affine(placed[face.x], placed[face.y], placed[face.z]);
    float2 a = values[face.x], b = values[face.y], c = values[face.z];
    float3 u = affine.of(a.x, b.x, c.x), v = affine.of(a.y, b.y, c.y);
    out[2 * f] = make_float4(affine.x0, affine.y0, u.x, u.y);
    out[2 * f + 1] = make_float4(u.z, v.x, v.y, v.z);
}

// values: float4 (N - first), colours of the points from ``first`` on.
extern "C" __global__ void planes_colours(
    int count, const float4* placed, const int4* faces, const float4* values, int first,
    float4* out) {
    int f = thread_x();
    if (f >= count) return;
    int4 face = faces[f];
    Affine affine(placed[face.x], placed[face.y], placed[face.z]);
    float4 a = values[face.x - first], b = values[face.y - first], c = values[face.z - first];
    float3 red = affine.of(a.x, b.x, c.x), green = affine.of(a.y, b.y, c.y);
    float3 blue = affine.of(a.z, b.z, c.z), alpha = affine.of(a.w, b.w, c.w);
    out[4 * f] = make_float4(affine.x0, affine.y0, red.x, red.y);
    out[4 * f + 1] = make_float4(red.z, green.x, green.y, green.z);
    out[4 * f + 2] = make_float4(blue.x, blue.y, blue.z, alpha.x);
    out[4 * f + 3] = make_float4(alpha.y, alpha.z, 0, 0);
}
