// Values at corners as affine functions of the pixel: engines/kernels/planes.py.
//
// placed: float4 (N) px; faces: int4 (count), of which three points are read, the first ``textured`` of
// them with xy: float2, texture px of their points; the others with colours: float4, of the points from
// ``first`` on. Written: flow: float4 (textured, 2) of x0, y0 and start, right, down of two values;
// shade: float4 (count - textured, 4) of four, the last two numbers 0.
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

extern "C" __global__ void planes(
    int count, int textured, const float4* placed, const int4* faces, const float2* xy,
    const float4* colours, int first, float4* flow, float4* shade) {
    int f = thread_x();
    if (f >= count) return;
    int4 face = faces[f];
    Affine affine(placed[face.x], placed[face.y], placed[face.z]);
    if (f < textured) {
        float2 a = xy[face.x], b = xy[face.y], c = xy[face.z];
        float3 u = affine.of(a.x, b.x, c.x), v = affine.of(a.y, b.y, c.y);
        float4* out = flow + 2 * f;
        out[0] = make_float4(affine.x0, affine.y0, u.x, u.y);
        out[1] = make_float4(u.z, v.x, v.y, v.z);
        return;
    }
    float4 a = colours[face.x - first], b = colours[face.y - first], c = colours[face.z - first];
    float3 red = affine.of(a.x, b.x, c.x), green = affine.of(a.y, b.y, c.y);
    float3 blue = affine.of(a.z, b.z, c.z), alpha = affine.of(a.w, b.w, c.w);
    float4* out = shade + 4 * (f - textured);
    out[0] = make_float4(affine.x0, affine.y0, red.x, red.y);
    out[1] = make_float4(red.z, green.x, green.y, green.z);
    out[2] = make_float4(blue.x, blue.y, blue.z, alpha.x);
    out[3] = make_float4(alpha.y, alpha.z, 0, 0);
}
